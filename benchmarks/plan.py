"""What `rugpt plan` predicts beside what training then takes, and the runs that its law of bits per byte is fitted to.

    python benchmarks/plan.py --parts law        # trains small models; writes benchmarks/results/plan_law.json
    python benchmarks/plan.py --parts predict    # five configurations; writes benchmarks/results/plan.json
"""
import argparse
import os
import tempfile
from datetime import date
from pathlib import Path

import torch

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.tokenization.text_bins import source_texts, write_texts
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.trainer import train_model

RESULTS = ROOT/"benchmarks/results"
SHAPES = {2: (60, 240), 4: (60, 120)}  # depth → optimiser steps of 8 windows of 256 tokens
SETTINGS = dict(batch_size=8, grad_accum=1, eval_every=10**6, eval_tokens=8192)


def ids(source: str, work: Path, vocab_size: int):
    """The source in a vocabulary of its own, made once."""
    folder = work/f"bpe-{vocab_size}"
    if not (folder/"meta.json").is_file():
        write_texts(source_texts(source), folder, "bpe", vocab_size)
    return open_bins(folder)


def law(source: str, work: Path, threads: int):
    """Small models at several lengths: parameters, tokens and bits per byte. A length that is there is not trained again."""
    path = RESULTS/"plan_law.json"
    stored = read_json(path) if path.is_file() else dict(runs=[])
    bins = ids(source, work, 8192)
    for depth, lengths in SHAPES.items():
        for steps in lengths:
            if any((r["depth"], r["steps"]) == (depth, steps) for r in stored["runs"]):
                continue
            given = SETTINGS | dict(max_steps=steps, threads=threads)
            config, t = resolve_settings("qwen3", bins.vocab_size, len(bins.train), 256, depth, **given)
            with tempfile.TemporaryDirectory() as d:
                found = train_model(bins, config, t, d)
            row = dict(depth=depth, steps=steps, parameters=found["parameters"], tokens=found["tokens_seen"],
                       unique=len(bins.train), bits_per_byte=found["whole"]["val_bits_per_byte"], dtype=found["dtype"])
            stored["runs"].append(row)
            about = dict(source=Path(source).name, vocab_size=bins.vocab_size, bytes_per_token=bins.bytes_per_token("val"),
                         date=date.today().isoformat(), versions=versions())
            write_json(path, about | dict(runs=stored["runs"]))
            print(row, flush=True)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    parser.add_argument("--source", default=str(shared if shared.exists() else ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--work", default=str(ROOT/"runs/bench-plan"), help="folder for the texts as ids")
    parser.add_argument("--parts", default="law,predict")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 2)))
    return parser.parse_args()


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    if "law" in args.parts.split(","):
        law(args.source, Path(args.work), args.threads)


if __name__ == "__main__":
    main()
