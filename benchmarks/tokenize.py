"""Text to bins against nanoGPT's way, and the trimmed Gemma vocabulary against the whole one, on one corpus in one
run."""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
if __name__ == "__main__":
    sys.path[:] = [p for p in sys.path if Path(p or ".").resolve() != HERE]  # it would hide the library's `tokenize`
else:  # imported from a script beside this one, by whoever wants the library's `tokenize`: give that
    _spec = importlib.util.spec_from_file_location(__name__, Path(sysconfig.get_path("stdlib"))/"tokenize.py")
    sys.modules[__name__] = importlib.util.module_from_spec(_spec)
    _spec.loader.exec_module(sys.modules[__name__])


def nanogpt(selection, tokenizer, out):
    """The way of nanoGPT's data/openwebtext/prepare.py: map over documents one by one, then write shards into a
    memmap."""
    import datasets
    import numpy as np
    from transformers import AutoTokenizer

    datasets.disable_progress_bars()
    enc = AutoTokenizer.from_pretrained(tokenizer)
    dataset = datasets.Dataset.from_parquet(str(selection), cache_dir=f"{out}/cache")
    dtype = np.uint16 if len(enc) <= 2**16 else np.uint32

    def process(example):
        ids = [enc.bos_token_id, *enc(f"{example['title']}\n\n{example['text']}",
            add_special_tokens=False)["input_ids"]]
        return {"ids": ids, "len": len(ids)}

    for split in ("train", "val"):
        part = dataset.filter(lambda e, split=split: e["split"] == split, num_proc=2)
        done = part.map(process, remove_columns=part.column_names, num_proc=2)
        total = int(np.sum(done["len"], dtype=np.uint64))
        arr = np.memmap(f"{out}/{split}.bin", dtype=dtype, mode="w+", shape=(total,))
        shards, at = min(1024, len(done)), 0
        for index in range(shards):
            batch = done.shard(num_shards=shards, index=index, contiguous=True).with_format("numpy")
            ids = np.concatenate(batch["ids"])
            arr[at:at + len(ids)] = ids
            at += len(ids)
        arr.flush()


def ours(selection, tokenizer, out, encoder):
    """write_bins of rugpt, with the split that the rows carry."""
    from rugpt_core.tokenization.splits import Roles, selection_rows
    from rugpt_core.tokenization.tokenizer import load_tokenizer
    from rugpt_core.tokenization.writer import write_bins

    of = {r["id"]: r["split"] for rows in selection_rows(selection, ("id", "split")) for r in rows}
    counts = {split: sum(v == split for v in of.values()) for split in ("train", "val")}
    return write_bins(selection, load_tokenizer(tokenizer), out, Roles(of, counts), encoder)["encoder"]


def child(args):
    """One timed run in a process of its own."""
    with tempfile.TemporaryDirectory() as out:
        if args.child == "nanogpt":
            import datasets  # noqa: F401
            import transformers  # noqa: F401
        else:
            import pandas  # noqa: F401
            import pyarrow.compute  # noqa: F401

            import rugpt_core.tokenization.writer  # noqa: F401
            importlib.import_module(args.child)
        start = time.perf_counter()
        used = nanogpt(args.selection, args.tokenizer, out) if args.child == "nanogpt" else \
            ours(args.selection, args.tokenizer, out, args.child)
        seconds = time.perf_counter() - start
        from rugpt_core.common.files import file_digest
        print(json.dumps(dict(seconds=seconds, encoder=used,
            digests=[file_digest(f"{out}/{s}.bin") for s in ("train", "val")])))


def memory(pid):
    """Resident memory of a process and all under it, bytes."""
    import psutil

    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        return sum(p.memory_info().rss for p in family)
    except psutil.Error:
        return 0


def timed(who, selection, tokenizer):
    """Seconds, peak memory (MB, all processes, shared pages counted in each) and digests of one run."""
    command = [sys.executable, __file__, "--child", who, "--selection", str(selection), "--tokenizer", str(tokenizer)]
    p = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak, done = [0], threading.Event()

    def watch():
        while not done.wait(.05):
            peak[0] = max(peak[0], memory(p.pid))
    watcher = threading.Thread(target=watch)
    watcher.start()
    out, err = p.communicate()
    done.set()
    watcher.join()
    if p.returncode:
        sys.exit(f"{who} failed:\n{err[-2000:]}")
    return {**json.loads(out.strip().split("\n")[-1]), "memory": peak[0]/1e6}


def read_corpus(source, clean):
    """Articles as rows of a selection: id, source, title, text, split, topic."""
    from rugpt_core.common.files import read_parquet
    from rugpt_core.corpus.article import split_of
    from rugpt_core.corpus.cleaning import clean_corpus
    from rugpt_core.corpus.readers import read_source

    if clean:
        with tempfile.TemporaryDirectory() as d:
            clean_corpus(source, d)
            return read_parquet(Path(d)/"articles.parquet").assign(topic=None).to_dict("records")
    return [dict(id=f"{n:08}", source="wiki40b", title=f"{n}", text=raw.text, split=split_of(f"{n:08}", .05),
        topic=None) for n, raw in enumerate(read_source(source))]


def row(work, who, metric, unit, values, peer=None):
    """One row of the results; `peer` is the row that the median is divided by."""
    m = statistics.median(values)
    return dict(work=work, who=who, metric=metric, unit=unit, median=round(m, 4), min=round(min(values), 4),
        max=round(max(values), 4), runs=len(values), ratio_to=peer and peer["who"],
        ratio=peer and round(m/peer["median"], 2))


def trimming(rows, work):
    """Rows on the trimmed vocabulary: pieces, seconds, segmentation and round trip on every article."""
    import pandas as pd

    from rugpt_core.corpus.article import document
    from rugpt_core.tokenization.gemma import gemma_tokenizer_json
    from rugpt_core.tokenization.stage import make_tokenizer
    from rugpt_core.tokenization.tokenizer import Tokenizer
    from rugpt_core.tokenization.vocabulary import text_counts

    gemma_tokenizer_json()  # once, into the cache
    start = time.perf_counter()
    own = make_tokenizer("trimmed", pd.DataFrame(rows))
    out = [row(work, "trimmed", "time to build", "s", [time.perf_counter() - start])]
    whole = Tokenizer(gemma_tokenizer_json(), "gemma")
    fewer = make_tokenizer("trimmed", pd.DataFrame(rows), min_count=2)
    same = back = near = 0
    texts = [document(r["title"], r["text"]) for r in rows]
    for at in range(0, len(texts), 32):
        part = texts[at:at + 32]
        for text, a, b, c in zip(part, *(t.encode_batch(part) for t in (own, whole, fewer)), strict=True):
            near += fewer.id_map.to_whole(c).tolist() == b
            same += own.id_map.to_whole(a).tolist() == b
            back += own.decode(a) == text
    used = int((text_counts(whole, texts) > 0).sum())
    return [*out, row(work, "trimmed", "pieces at k=1", "pieces", [own.vocab_size]),
            row(work, "gemma", "pieces that occur", "pieces", [used]),
            row(work, "trimmed", "articles cut as by the whole one", "share", [same/len(texts)]),
            row(work, "trimmed", "pieces at k=2", "pieces", [fewer.vocab_size]),
            row(work, "trimmed, k=2", "articles cut as by the whole one", "share", [near/len(texts)]),
            row(work, "trimmed", "articles given back exactly", "share", [back/len(texts)])]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=None,
        help="articles (default: ../shared/data/ruwiki, else the embedded sample)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--nanogpt-every", type=int, default=1, help="nanoGPT's way gets every n-th article")
    parser.add_argument("--parts", default="trimmed,bins")
    parser.add_argument("--kinds", default="gemma,trimmed")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--selection", help=argparse.SUPPRESS)
    parser.add_argument("--tokenizer", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        return child(args)
    import platform
    from datetime import date
    from importlib import metadata

    import pandas as pd

    from rugpt_core.common.environment import versions
    from rugpt_core.common.files import ROOT, read_json, write_json, write_parquet
    from rugpt_core.tokenization.fast_encode import FAST
    from rugpt_core.tokenization.stage import make_tokenizer

    real = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    source = args.source or str(real if real.is_file() else ROOT/"data/sample/wiki40b_ru.jsonl")
    name, results, passed_over = Path(source).name, [], {}
    path = ROOT/"benchmarks/results/tokenize.json"
    with tempfile.TemporaryDirectory() as d:
        d = Path(d)
        for clean in (False, True) if "trimmed" in args.parts else (True,):
            rows = read_corpus(source, clean)
            size = sum(len(f"{r['title']}\n\n{r['text']}".encode()) for r in rows)/1e6
            work = f"{name}, {'cleaned' if clean else 'raw'}, {len(rows)} articles, {size:.1f} MB"
            if "trimmed" in args.parts:
                results += trimming(rows, work)
                print(*results[-7:], sep="\n", flush=True)
        own = make_tokenizer("trimmed", pd.DataFrame(rows))
        whole = make_tokenizer("gemma", None)
        own.save(d/"trimmed")
        whole.save(d/"gemma")
        write_parquet(d/"all.parquet", pd.DataFrame(rows))
        few = rows[::args.nanogpt_every]
        write_parquet(d/"few.parquet", pd.DataFrame(few))
        small = sum(len(f"{r['title']}\n\n{r['text']}".encode()) for r in few)/1e6
        for kind in args.kinds.split(","):
            faster = [f for f in FAST if importlib.util.find_spec(f)]
            runs = {who: [] for who in ("nanogpt", "tokenizers", *faster)}
            for _ in range(args.runs if "bins" in args.parts else 0):
                for who, found in runs.items():
                    found.append(timed(who, d/("few.parquet" if who == "nanogpt" else "all.parquet"), d/kind))
                    print(kind, who, found[-1], flush=True)
            peer = None
            same = {json.dumps(f["digests"]) for who, found in runs.items() if who != "nanogpt" for f in found}
            for who, found in runs.items():
                if not found:
                    continue
                mb = small if who == "nanogpt" else size
                work = f"{name}, cleaned, {mb:.1f} MB, text to bins, {kind}"
                label = "nanoGPT's way" if who == "nanogpt" else f"rugpt, {who}"
                # what was timed is `tokenizers` once more
                if who != "nanogpt" and found[0]["encoder"]["library"] != who:
                    passed_over[f"{kind}, {who}"] = found[0]["encoder"]["passed_over"]
                    continue
                results.append(row(work, label, "text to bins", "MB/s", [mb/f["seconds"] for f in found], peer))
                results.append(row(work, label, "peak memory of all processes", "MB", [f["memory"] for f in found]))
                peer = peer or results[-2]
            if len(same) > 1:
                sys.exit(f"{kind}: encoders gave other bins")
    known = versions() | {f: metadata.version(f) for f in FAST if importlib.util.find_spec(f)}
    if path.is_file():  # keep what was not measured this time
        stored = read_json(path)
        kept = [r for r in stored["rows"] if ("bins" if "text to bins" in r["work"] else "trimmed") not in args.parts]
        results = kept + results
        if "bins" not in args.parts:
            passed_over = stored.get("passed_over", {})
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores", versions=known,
        date=date.today().isoformat(), passed_over=passed_over, rows=results))
    for r in results:
        print(f"{r['work']}: {r['who']}: {r['metric']} {r['median']} {r['unit']} ({r['min']} to {r['max']})"
              + (f", {r['ratio']} times {r['ratio_to']}" if r["ratio"] else ""))


if __name__ == "__main__":
    main()
