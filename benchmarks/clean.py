"""Speed of cleaning: source to articles.parquet, whole stage, several runs. Peers are not measured here yet."""
import argparse
import platform
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

from rugpt_core.clean import clean_corpus
from rugpt_core.corpus import read_source
from rugpt_core.runs import ROOT, versions, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=str(ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    megabytes = sum(len(raw.text.encode()) for raw in read_source(args.source))/1e6
    rates = []
    for _ in range(args.runs):
        with tempfile.TemporaryDirectory() as out:
            start = time.perf_counter()
            clean_corpus(args.source, out)
            rates.append(megabytes/(time.perf_counter() - start))
    row = dict(work=f"clean {Path(args.source).name}, {megabytes:.1f} MB", who="rugpt", metric="input text cleaned", unit="MB/s",
               median=round(statistics.median(rates), 2), min=round(min(rates), 2), max=round(max(rates), 2), runs=args.runs,
               ratio_to=None, ratio=None)
    path = ROOT/"benchmarks/results/clean.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()}, {platform.system()}"
    write_json(path, dict(machine=machine, versions=versions(), date=date.today().isoformat(), rows=[row]))
    print(f"{row['work']}: {row['median']} MB/s ({row['min']} to {row['max']}), {path}")


if __name__ == "__main__":
    main()
