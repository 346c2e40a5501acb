"""Cleaning a source into Parquet, whole stage: speed and memory, beside datatrove's stock filters and MinHash on the
same text.

Each run is a process of its own; ours and theirs alternate. Memory is the largest sum over the process and its
children,
looked at twenty times a second. On a machine that does other work too, CPU seconds say more than the clock. Tenfold
input is a folder with ten links to the same file.""" # noqa: E501
import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from datetime import date
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from rugpt_core.common.environment import processor, versions
from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.readers import read_source

HERE = Path(__file__).resolve()
DATA = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
SAMPLE = ROOT/"data/sample/wiki40b_ru.jsonl"


def their_filters():
    """datatrove's Gopher and FineWeb filters with the thresholds of FineWeb-2 for Russian and its Russian tokenizer."""
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter
    from datatrove.utils.typeshelper import Languages

    from rugpt_core.corpus.filters import STOP_WORDS
    dup = tuple(zip(range(5, 11), (.168, .156, .145, .133, .121, .109), strict=True))
    return [GopherRepetitionFilter(dup_line_frac=.322, dup_para_frac=0, dup_line_char_frac=0, dup_para_char_frac=0,
                                   top_n_grams=((2, .184), (3, .164), (4, .146)), dup_n_grams=dup,
                                   language=Languages.russian),
            # noqa: E501
            GopherQualityFilter(max_avg_word_length=11, max_non_alpha_words_ratio=.713, stop_words=STOP_WORDS,
            language=Languages.russian),
            FineWebQualityFilter(line_punct_thr=.231, new_line_ratio=.139, language=Languages.russian)]


def theirs(source: str, out: str):
    """datatrove: those filters, then its four steps of MinHash; two workers."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import JsonlReader, ParquetReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.typeshelper import Languages
    config = MinhashConfig(hash_config=HashConfig(hash_fc="sha1"))  # its xxhash calls do not fit xxhash 4

    def run(name, steps, tasks, after=None):
        return LocalPipelineExecutor(steps, tasks=tasks, workers=2, depends=after, logging_dir=f"{out}/logs/{name}")

    first = run("filter", [JsonlReader(source, id_key="id"), *their_filters(), ParquetWriter(f"{out}/filtered"),
                           MinhashDedupSignature(f"{out}/sig", config=config, language=Languages.russian)], 2)
    second = run("buckets", [MinhashDedupBuckets(f"{out}/sig", f"{out}/buckets", config=config)], 14, first)
    third = run("cluster", [MinhashDedupCluster(f"{out}/buckets", f"{out}/remove", config=config)], 1, second)
    # noqa: E501
    run("write", [ParquetReader(f"{out}/filtered"), MinhashDedupFilter(f"{out}/remove"), ParquetWriter(f"{out}/kept")],
        2, third).run()
    import pyarrow.dataset as ds
    print(json.dumps(dict(kept=ds.dataset(f"{out}/kept").count_rows())))


def tree(process) -> tuple[float, dict]:
    """MB and CPU seconds of a process and its children."""
    import psutil
    memory, cpu = 0., {}
    for p in [process, *process.children(recursive=True)]:
        try:
            memory += p.memory_info().rss/1e6
            t = p.cpu_times()
            cpu[p.pid] = t.user + t.system
        except psutil.Error:
            pass
    return memory, cpu


# the stage as the chain runs it, in a process that loads nothing else: workers load what its main module does
STAGE = "import json, sys; from rugpt_core.{} import clean_corpus; print(json.dumps(clean_corpus(*sys.argv[1:])))"


def command(who: str | Path, source: Path, out: str) -> tuple[list, Path]:
    """Arguments and folder of one run: ours, theirs, or that of a checkout whose cleaning is `rugpt_core.clean`."""
    if isinstance(who, Path):
        return [sys.executable, "-c", STAGE.format("clean"), source, out], who
    if who == "ours":
        return [sys.executable, "-c", STAGE.format("corpus.cleaning"), source, out], ROOT
    return [sys.executable, HERE, "--theirs", "--source", source, "--out", out], ROOT


def measure(who: str | Path, source: Path) -> dict:
    """Seconds, peak memory, CPU seconds and the last line of one run in its own process."""
    import psutil
    with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as out, open(Path(out)/".log", "w+") as log:
        start = time.perf_counter()
        arguments, folder = command(who, source.resolve(), out)
        p = subprocess.Popen(arguments, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
            env=os.environ | {"PYTHONPATH": str(folder)})
        peak, cpu = 0., {}
        while p.poll() is None:
            try:
                memory, now = tree(psutil.Process(p.pid))
                peak, cpu = max(peak, memory), cpu | now
            except psutil.Error:
                pass
            time.sleep(.05)
        seconds = time.perf_counter() - start
        log.seek(0)
        lines = log.read().strip().split("\n")
        if p.returncode:
            raise SystemExit("\n".join(lines[-20:]))
        return dict(seconds=seconds, peak=peak, cpu=sum(cpu.values()), said=json.loads(lines[-1]))


def row(work, who, metric, unit, values, ratio_to=None, ratio=None) -> dict:
    """One row of a results file."""
    r = dict(work=work, who=who, metric=metric, unit=unit, median=round(statistics.median(values), 3),
        min=round(min(values), 3), max=round(max(values), 3), runs=len(values), ratio_to=ratio_to,
        ratio=ratio and round(ratio, 2))
    print(f"{work} · {who} · {metric}: {r['median']} {unit} ({r['min']} to {r['max']}, {r['runs']} runs)"
          + (f", {r['ratio']} times {ratio_to}" if ratio else ""), flush=True)
    return r


def head(source: Path, megabytes: float, folder: str) -> tuple[Path, float]:
    # noqa: E501
    """The first so many MB of a source as two files of JSON lines, without the markers of wiki40b that datatrove does
    not know."""
    from rugpt_core.corpus.article import parse, render
    path, size = Path(folder)/"head", 0
    path.mkdir()
    with open(path/"0.jsonl", "w", encoding="utf-8") as a, open(path/"1.jsonl", "w", encoding="utf-8") as b:
        for n, raw in enumerate(read_source(str(source))):
            article = parse(raw)
            text = render(article)[0]
            size += len(text.encode())
            # noqa: E501
            (b if n % 2 else a).write(json.dumps(dict(id=raw.source_id, title=article.title, text=text),
                ensure_ascii=False) + "\n")
            if size >= megabytes*1e6:
                break
    return path, size/1e6


def good_articles(source: Path, n: int = 150) -> list[dict]:
    """How many articles our filters keep datatrove's defaults for English refuse: share of cleaned articles, with ours
    beside."""
    from datatrove.data import Document
    from datatrove.pipeline.filters import FineWebQualityFilter, GopherQualityFilter, GopherRepetitionFilter

    from rugpt_core.corpus.article import parse, render
    from rugpt_core.corpus.filters import reasons_against
    from rugpt_core.corpus.rule_engine import clean_article
    english = [GopherRepetitionFilter(), GopherQualityFilter(), FineWebQualityFilter()]
    sets = {"datatrove, defaults for English": english,
        "datatrove, FineWeb-2's thresholds for Russian": their_filters()}
    refused, lost, total = Counter(), 0, 0
    for raw in read_source(str(source), n):
        article = clean_article(parse(raw))[0]
        text = render(article)[0]
        if not text:
            continue
        total += 1
        lost += bool(reasons_against(article.title, text))
        for name, filters in sets.items():
            refused[name] += any(f.filter(Document(text=text, id="")) is not True for f in filters)
    work = f"share of {total} cleaned articles refused by filters"
    return [row(work, who, "refused", "share", [k/total]) for who, k in (("rugpt", lost), *refused.items())]


def against(earlier: Path, source: Path, runs: int, megabytes: float):
    """Our stage and that of an earlier checkout in alternation, each run in a process of its own."""
    work, pairs = f"clean {source.name}, {megabytes:.1f} MB", []
    for k in range(runs):
        order = ("ours", earlier) if k % 2 else (earlier, "ours")
        found = {who: measure(who, source) for who in order}
        pairs.append((found["ours"], found[earlier]))
        print(f"round {k + 1}: {pairs[-1][1]['cpu']/pairs[-1][0]['cpu']:.3f} times, CPU seconds "
            f"{pairs[-1][1]['cpu']:.1f} and {pairs[-1][0]['cpu']:.1f}, load {os.getloadavg()[0]:.1f}", flush=True)
    now, before = zip(*pairs, strict=True)
    ratios = [b["cpu"]/a["cpu"] for a, b in pairs]
    per_second = "input text per CPU second"
    rows = [row(work, "rugpt", per_second, "MB/s", [megabytes/r["cpu"] for r in now], "before",
                statistics.median(ratios)),
            row(work, "before", per_second, "MB/s", [megabytes/r["cpu"] for r in before]),
            row(work, "rugpt", "ratio of a round", "times", ratios),
            row(work, "rugpt", "peak memory", "MB", [r["peak"] for r in now]),
            row(work, "before", "peak memory", "MB", [r["peak"] for r in before])]
    revision = subprocess.run(["git", "-C", earlier, "rev-parse", "HEAD"], capture_output=True, text=True).stdout[:7]
    write_json(ROOT/"benchmarks/results/clean_against.json", dict(before=revision,
        machine=f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[2]:.1f} while it ran",
        versions=versions(), date=date.today().isoformat(), rows=rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, metavar="CHECKOUT",
        help="compare with an earlier state of the cleaning in alternation, and do nothing else")
    parser.add_argument("--source", type=Path, default=DATA if DATA.exists() else SAMPLE)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer-mb", type=float, default=10, help="MB of text that both clean")
    parser.add_argument("--no-tenfold", action="store_true")
    parser.add_argument("--theirs", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", default="", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.theirs:
        return theirs(str(args.source), args.out)
    megabytes = sum(len(raw.text.encode()) for raw in read_source(str(args.source)))/1e6
    if args.against:
        return against(args.against.resolve(), args.source, args.runs, megabytes)
    work, rows = f"clean {args.source.name}, {megabytes:.1f} MB", []
    runs = [measure("ours", args.source) for _ in range(args.runs)]
    peak = max(r["peak"] for r in runs)
    rows += [row(work, "rugpt", "input text cleaned", "MB/s", [megabytes/r["seconds"] for r in runs]),
             # noqa: E501
             row(work, "rugpt", "input text per CPU second", "MB/s", [megabytes/r["cpu"] for r in runs]),
             row(work, "rugpt", "peak memory", "MB", [r["peak"] for r in runs])]
    with tempfile.TemporaryDirectory() as folder:
        if not args.no_tenfold:
            (tens := Path(folder)/"tens").mkdir()
            for i in range(10):
                (tens/f"{i}-{args.source.name}").symlink_to(args.source.resolve())
            r = measure("ours", tens)
            rows += [row(f"{work}, tenfold", "rugpt", "input text cleaned", "MB/s", [10*megabytes/r["seconds"]]),
                     row(f"{work}, tenfold", "rugpt", "peak memory", "MB", [r["peak"]], "once", r["peak"]/peak)]
        if find_spec("datatrove") and find_spec("spacy"):
            path, size = head(args.source, args.peer_mb, folder)
            both = [(measure("ours", path), measure("theirs", path)) for _ in range(max(args.runs - 1, 1))]
            work, (mine, peer) = f"clean the first {size:.1f} MB", zip(*both, strict=True)
            speed = [statistics.median(size/r["seconds"] for r in x) for x in (mine, peer)]
            # noqa: E501
            rows += [row(work, "rugpt", "input text cleaned", "MB/s", [size/r["seconds"] for r in mine], "datatrove",
                speed[0]/speed[1]),
                     # noqa: E501
                     row(work, "datatrove " + version("datatrove"), "input text cleaned", "MB/s",
                     [size/r["seconds"] for r in peer]),
                     row(work, "rugpt", "peak memory", "MB", [r["peak"] for r in mine]),
                     row(work, "datatrove " + version("datatrove"), "peak memory", "MB", [r["peak"] for r in peer])]
            rows += good_articles(args.source)
        else:
            print('datatrove is not here to be measured: pip install "rugpt[scale]" spacy')
    # noqa: E501
    write_json(
        ROOT / "benchmarks/results/clean.json",
        dict(
            machine=f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, load {os.getloadavg()[2]:.1f}",
            versions=versions(),
            date=date.today().isoformat(),
            rows=rows,
        ),
    )


if __name__ == "__main__":
    main()
