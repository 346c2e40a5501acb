"""The search behind the dial (`training.config.scale_from_depth`): one setting at a time, at three sizes and one longer
training.

    python study/dial.py --source ARTICLES          # trains what is not in study/dial.json yet
    python study/dial.py --source ARTICLES --size 2x128

Every row is a training of the same number of tokens in batches of 8 windows, with the settings that the search began
with ("the dial" in what it prints) or with one of them changed. One seed finds candidates; the dial and the best
candidate of a size are then trained with three, and the candidate counts as better where the interval of the
difference (Welch) leaves 0 out.
"""
import argparse
import math
import os
import tempfile
from datetime import date
from pathlib import Path

import torch

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.study.results import seed_difference
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.tokenization.text_bins import source_texts, write_texts
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.trainer import train_model

SIZES = {  # depth, tokens of a training
    "2x128": (2, 800_000), "4x256": (4, 500_000), "6x384": (6, 500_000), "2x128-long": (2, 3_200_000)}
BLOCK, PIECES, SEEDS = 256, 8192, (1, 2, 3)
RATE, MATRIX_RATE = 6e-3, .01  # the rates that the search began with: of AdamW at 64 channels, of Muon
TIMES = ("learning_rate", "matrix_rate", "warmup_steps", "batch_size")  # multiplied
CHANGES = [(name, factor) for name in TIMES for factor in (.5, 2.)] + [("learning_rate", 4.)]
CHANGES += [("weight_decay", 0.), ("weight_decay", .2), ("decay_share", .2), ("decay_share", .6)]
CHANGES += [("adamw", factor) for factor in (.25, .5, 1.)]  # in place of Muon, with so much of the dial's rate
RIVAL = "2x128"  # the size at which AdamW is tried in place of Muon
HELPED = {  # where a training takes long: what helped at a smaller size
    "6x384": (("learning_rate", 2.), ("matrix_rate", .5)), "2x128-long": (("learning_rate", 2.), ("learning_rate", 4.))}
PATH = ROOT/"study/dial.json"


def settings(size: str, train_tokens: int, change: tuple | None) -> tuple:
    """Model and training by the dial, but for the length and one change."""
    depth, tokens = SIZES[size]
    fixed = dict(batch_size=8, grad_accum=1, eval_every=10**6, threads=1, compile="never", max_steps=tokens//(8*BLOCK),
        learning_rate=RATE/math.sqrt(depth), matrix_rate=MATRIX_RATE)
    config, t = resolve_settings("qwen3", PIECES, train_tokens, BLOCK, depth, **fixed)
    if change is None:
        return config, t
    name, by = change
    if name == "adamw":
        fixed["optimizer"], name = "adamw", "learning_rate"
    fixed[name] = type(getattr(t, name))(by*getattr(t, name) if name in TIMES else by)
    if name == "batch_size":
        fixed["max_steps"] = tokens//(fixed[name]*BLOCK)
    return resolve_settings("qwen3", PIECES, train_tokens, BLOCK, depth, **fixed)


def train(stored: dict, bins, size: str, change: tuple | None, seed: int) -> float:
    """Bits per byte of one training, from the file where it is there."""
    change = [*change] if change else None
    for row in stored["rows"]:
        if (row["size"], row["change"], row["seed"]) == (size, change, seed):
            return row["bits_per_byte"]
    config, t = settings(size, len(bins.train), change)
    t = type(t)(**{**t.__dict__, "seed": seed})
    with tempfile.TemporaryDirectory() as d:
        found = train_model(bins, config, t, d)
    row = dict(size=size, change=change, seed=seed, bits_per_byte=found["whole"]["val_bits_per_byte"],
        tokens=found["tokens_seen"], dtype=found["dtype"], learning_rate=t.learning_rate, matrix_rate=t.matrix_rate,
        max_steps=t.max_steps, warmup_steps=t.warmup_steps)
    stored["rows"].append(row)
    write_json(PATH, stored | dict(date=date.today().isoformat(), versions=versions()))
    print(f"{size} {change or 'the dial'} seed {seed}: {row['bits_per_byte']:.4f}", flush=True)
    return row["bits_per_byte"]


def search(stored: dict, bins, size: str):
    """All changes with one seed; the best of them and the dial with three."""
    changes = HELPED.get(size, [c for c in CHANGES if c[0] != "adamw" or size == RIVAL])
    first = {c: train(stored, bins, size, c, SEEDS[0]) for c in (None, *changes)}
    best = min(changes, key=first.get)
    dial, other = ([train(stored, bins, size, c, seed) for seed in SEEDS] for c in (None, best))
    stored.setdefault("verdicts", {})[size] = dict(best=[*best], difference=seed_difference(other, dial))
    write_json(PATH, stored | dict(date=date.today().isoformat(), versions=versions()))
    print(f"{size}: {best} less the dial {stored['verdicts'][size]['difference']}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", required=True, help="articles, as `rugpt run --source` takes them")
    parser.add_argument("--size", choices=SIZES, action="append", default=[])
    parser.add_argument("--work", default=str(ROOT/"runs/dial"), help="folder for the texts as ids")
    args = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    folder = Path(args.work)/f"bpe-{PIECES}"
    if not (folder/"meta.json").is_file():
        write_texts(source_texts(args.source), folder, "bpe", PIECES)
    bins = open_bins(folder)
    stored = read_json(PATH) if PATH.is_file() else dict(source=Path(args.source).name, rows=[])
    for size in args.size or SIZES:
        search(stored, bins, size)


if __name__ == "__main__":
    main()
