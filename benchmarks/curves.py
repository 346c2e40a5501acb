"""Bits per byte against time: our default recipe, an older commit of ours, nanoGPT and transformers' Trainer.

    python benchmarks/curves.py --base PATH --nanogpt PATH

All train the same shape on the same articles in the same own vocabulary of 8,192 pieces, with products in the same type
and one thread (--threads), each for as many steps as fit into the budget by its own measured time of a step. Time is
that of the processor in training steps; validation is not counted. nanoGPT and the Trainer use AdamW as nanoGPT sets it
for small models (rate 0.001, cosine, a twentieth of it warm-up). What is there already is not trained again (--fresh).
nanoGPT's training goes on where it was stopped; the others begin anew.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import torch
from peers.known import environment, known
from peers.texts import held_out_bytes, tokens

from rugpt_core.common.devices import has_bfloat16
from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.training.config import resolve_settings

RESULTS = ROOT/"benchmarks/results/curves.json"
PEER = Path(__file__).parent/"peers/curve.py"


def answer(what: dict, folder: str = ""):
    """What one process says."""
    done = subprocess.run([sys.executable, str(PEER), json.dumps(what)], env=environment(what["threads"], folder),
        stdout=subprocess.PIPE, text=True)
    if done.returncode or not done.stdout.strip():
        raise SystemExit(f"{what['who']} ended with {done.returncode}; its last lines stand above")
    return json.loads(done.stdout)


def trained(job: dict, state: Path) -> list[dict]:
    """The curve of one contender, as many steps as fit into the budget by its own time of one; nanoGPT's training
    goes on from `state` where that is a file."""
    folder = job.get("folder", "")
    if state.is_file():
        steps = torch.load(state, weights_only=True, mmap=True)["steps"]
    else:
        steps = max(16, round(60*job["minutes"]/answer(job, folder)["seconds"]))
    return answer(job | dict(steps=steps, state=str(state)), folder)


def contenders(args: argparse.Namespace) -> dict[str, dict]:
    """Everybody who is there, by name; ours with each seed."""
    there = known(args.base, args.nanogpt)
    for seed in range(2, args.seeds + 1):
        there |= {f"{name}, seed {seed}": there[name] | dict(seed=seed) for name in ("ours", "ours before")
            if name in there}
    wanted = args.who.split(";") if args.who else there
    return {name: about for name, about in there.items() if name in wanted}


def rows_of(curves: dict[str, dict[str, list]]) -> list[dict]:
    """Bits per byte at the end of each budget, seeds together, as the other benchmarks give their rows."""
    out = []
    for work, found in curves.items():
        ends: dict[str, list[float]] = {}
        for name, curve in sorted(found.items(), key=lambda item: item[0].split(",")[0] != "ours"):  # ours first
            ends.setdefault(name.split(", seed ")[0], []).append(curve[-1]["val_bits_per_byte"])
        first = next(iter(ends))
        for who, bits in ends.items():
            middle = statistics.median(bits)
            ratio = dict(ratio_to=None, ratio=None) if who == first else \
                dict(ratio_to=first, ratio=round(middle/statistics.median(ends[first]), 3))
            out.append(dict(work=work, who=who, metric="held-out text", unit="bits/byte", median=round(middle, 3),
                min=round(min(bits), 3), max=round(max(bits), 3), runs=len(bits), **ratio))
    return out


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    parser.add_argument("--source", default=str(shared if shared.exists() else ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--work", default=str(ROOT/"runs/bench-train"), help="folder for the texts as ids")
    parser.add_argument("--base", default="", metavar="PATH", help="a checkout of this project to compare with")
    parser.add_argument("--nanogpt", default="", metavar="PATH", help="a checkout of nanoGPT")
    parser.add_argument("--who", default="", help="names of contenders, by semicolons")
    parser.add_argument("--seeds", type=int, default=1, help="of ours and of the older commit")
    parser.add_argument("--minutes", type=float, default=2., help="processor time of each")
    parser.add_argument("--shape", default="4x256", help="layers x channels")
    parser.add_argument("--block-size", type=int, default=256)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--dtype", default="bfloat16" if has_bfloat16("cpu") else "float32")
    parser.add_argument("--threads", type=int, default=1, help="time stays that of the processor, of all together")
    parser.add_argument("--fresh", action="store_true")
    return parser.parse_args()


def main():
    args = parse()
    n_layer, n_embd = map(int, args.shape.split("x"))
    folder = tokens(args.source, Path(args.work).resolve(), "bpe", 8192)
    bins = open_bins(folder, verify=False)
    d_ff = resolve_settings("qwen3", 8192, len(bins.train), args.block_size, n_layer, n_embd=n_embd)[0].d_ff
    what = dict(tokens=str(folder), ids=str(bins.train.dtype), vocab_size=bins.vocab_size, n_layer=n_layer, d_ff=d_ff,
        n_embd=n_embd, block_size=args.block_size, batch_size=args.batch_size, dtype=args.dtype, threads=args.threads,
        minutes=args.minutes, bytes_per_token=bins.bytes_per_token("val"))
    work = f"{args.shape}, block {args.block_size}, batch {args.batch_size}, {args.dtype}, {args.minutes:g} min"
    stored = read_json(RESULTS) if RESULTS.is_file() else dict(curves={})
    curves = {} if args.fresh else stored["curves"].get(work, {})
    with tempfile.TemporaryDirectory() as tmp:
        for name, about in contenders(args).items():
            if name in curves:
                continue
            job = what | dict(work=tmp) | about
            state = folder/f"{name}, {work}.pt"
            if args.fresh:
                state.unlink(missing_ok=True)
            curves[name] = trained(job, state)
            stored["curves"][work] = curves
            write_json(RESULTS, stored | dict(date=date.today().isoformat(), versions=versions(),
                rows=rows_of(stored["curves"]), held_out_bytes=held_out_bytes(folder),
                load=round(os.getloadavg()[0], 1)))
            print(f"{work}, {name}: {curves[name][-1]}", flush=True)


if __name__ == "__main__":
    main()
