"""Peak memory of the stage clean on large inputs, and of writing many tokens: is it flat?

python benchmarks/load.py [--share 0.1] [--only NAME,…]     a share of 0.1 takes a tenth of each size

Each measurement is a process of its own; memory is the largest sum over the process and its children. The inputs
are made up from sentences of the embedded corpus, no article like another. A row says when and at which commit it was
measured, for `--only` leaves the others as they were. Stopped and run again, it goes on with what this commit has not
measured yet."""

import argparse
import json
import os
import platform
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from datetime import date
from functools import cache
from pathlib import Path

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json

RESULT = ROOT / "benchmarks/results/load.json"
SAMPLE = ROOT / "data/sample/wiki40b_ru.jsonl"


@cache
def sentences() -> list[str]:
    """Sentences of the embedded corpus, without those that carry its noise."""
    rows = (json.loads(x) for x in SAMPLE.read_text(encoding="utf-8").splitlines() if x)
    texts = (re.sub(r"_[A-Z_]+_", " ", row["text"]) for row in rows)
    found = (part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+", text))
    return [x for x in found if len(x) > 40 and x[-1] == "." and not re.search(r"[\n\\<>{}\[\]|'\"]", x)]


def prose(rng: random.Random, chars: int) -> str:
    """Sentences of so many characters about, a paragraph every six; numbers make each its own."""
    out, n = [], 0
    while n < chars:
        end = "\n\n" if len(out) % 6 == 5 else " "
        out.append(f"{rng.choice(sentences())[:-1]} в {rng.randrange(1000, 10**6)} году.{end}")
        n += len(out[-1])
    return "".join(out)


def write_rows(path: Path, sizes, seed: int = 0):
    """JSON lines of articles of about these lengths, each ends with a sentence."""
    rng = random.Random(seed)
    with open(path, "w", encoding="utf-8") as f:
        for n, size in enumerate(sizes):
            row = {"id": n, "title": f"Статья {n}", "text": prose(rng, size).strip()}
            f.write(json.dumps(row, ensure_ascii=False) + "\n")


def big(folder: Path, share: float):
    write_rows(folder / "a.jsonl", [3000] * int(185_000 * share))  # 1 GB of UTF-8


def tiny(folder: Path, share: float):
    write_rows(folder / "a.jsonl", [250] * int(200_000 * share))


def files(folder: Path, share: float):
    for n in range(int(20_000 * share)):
        write_rows(folder / f"{n:05}.jsonl", [600], seed=n)


def long(folder: Path, share: float):
    write_rows(folder / "a.jsonl", [3000] * 20 + [int(27_500_000 * share)])  # the last: 50 MB of UTF-8


INPUTS = {"1 GB of articles": big, "200,000 tiny articles": tiny, "20,000 files": files, "one article of 50 MB": long}


def tree_memory(pid: int) -> int:  # bytes
    """Resident memory of a process and its children."""
    total = 0
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                total += int(line.split()[1]) * 1024
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += sum(tree_memory(int(c)) for c in (task / "children").read_text().split())
    except (OSError, ValueError):
        pass
    return total


def measured(command: list[str]) -> dict:  # peak_mb, seconds, cpu_seconds
    """Run a process; its memory is looked at ten times a second."""
    import resource

    before, start, peak, done = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic(), 0, threading.Event()
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:

        def watch():
            nonlocal peak
            while not done.wait(0.1):
                peak = max(peak, tree_memory(process.pid))

        watcher = threading.Thread(target=watch)
        watcher.start()
        said = process.stderr.read()
        process.wait()
        done.set()
        watcher.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}\n{said[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return dict(
        peak_mb=peak / 1e6,
        seconds=time.monotonic() - start,
        cpu_seconds=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
    )


CLEAN = "import sys; from rugpt_core.corpus.cleaning import clean_corpus; clean_corpus(*sys.argv[1:])"
TOKENS = """
import sys
from rugpt_core.generation.engine import generate
from rugpt_core.modeling.model import ModelConfig, build_model
from rugpt_core.tokenization.trainers import train_bpe
tokenizer = train_bpe(["Река течёт на север. "]*9, 300)
model = build_model(ModelConfig("qwen3", tokenizer.vocab_size, 128, 1, 1, 1, 32)).eval()
for n in range(0, int(sys.argv[1]), 64*100):
    generate(model, tokenizer, [[1, 2]]*64, max_new_tokens=100, stop_id=-1)
"""


@cache
def commit() -> str:
    """The commit that is measured; with a + where files were changed since."""
    try:
        head = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
        command = "git status --porcelain -uno -- . :!benchmarks/results".split()
        changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return head.stdout.strip() + "+" * bool(changed.stdout.strip())


def rows_of(name: str, share: float):
    """Measure one input at a tenth of its size and at all of it: the ratio of their peaks is 1 where memory is flat."""
    tenth = {}
    for part in (round(0.1 * share, 6), share):
        if name == "100,000 generated tokens":
            found = measured([sys.executable, "-c", TOKENS, str(int(100_000 * part))])
            size = None
        else:
            print(f"{name}, share {part:g} …", flush=True)
            with tempfile.TemporaryDirectory(prefix="rugpt-load-") as home:
                source, out = Path(home) / "in", Path(home) / "out"
                source.mkdir()
                out.mkdir()
                INPUTS[name](source, part)
                size = sum(f.stat().st_size for f in source.iterdir())
                found = measured([sys.executable, "-c", CLEAN, str(source), str(out)])
        for metric, value, unit in (
            ("peak memory", found["peak_mb"], "MB"),
            ("processor time", found["cpu_seconds"], "s"),
        ):
            yield dict(
                work=name,
                share=part,
                bytes=size,
                who="rugpt",
                metric=metric,
                unit=unit,
                median=round(value, 1),
                min=round(value, 1),
                max=round(value, 1),
                runs=1,
                ratio_to="a tenth of it" if metric in tenth else None,
                ratio=round(value / tenth[metric], 2) if metric in tenth else None,
                date=str(date.today()),
                commit=commit(),
            )
            tenth.setdefault(metric, value)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    names = [
        n for n in (*INPUTS, "100,000 generated tokens") if not args.only or any(w in n for w in args.only.split(","))
    ]
    old, here = read_json(RESULT)["rows"] if RESULT.is_file() else [], commit()
    done = {r["work"] for r in old if r["share"] == args.share and r.get("commit") == here and here[-1:] != "+"}
    for name in done & {*names}:
        print(f"{name}: measured at this commit already")
    names = [n for n in names if n not in done]
    rows = [r for r in old if r["work"] not in names]
    for name in names:
        for row in rows_of(name, args.share):
            rows.append(row)
            times = f", {row['ratio']} times {row['ratio_to']}" if row["ratio"] else ""
            print(
                f"{row['work']}, share {row['share']:g}: {row['metric']} {row['median']:,} {row['unit']}{times}",
                flush=True,
            )
        write_json(
            RESULT,
            dict(
                machine=f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
                versions=versions(),
                date=str(date.today()),
                rows=rows,
            ),
        )


if __name__ == "__main__":
    main()
