"""nanoGPT's job against ours on the same machine: tokens a second, peak memory, bits per byte against time and
tokens.

Speed and memory: contenders in processes of their own, one thread each, taking turns; seconds are the processor's, so
that other work on the machine disturbs little; medians over the turns. Quality: nanoGPT's way with the whole vocabulary
for half an hour, ours for two minutes with three seeds, both on the same held-out articles, by the clock.
Without --nanogpt PATH nanoGPT is what `peers/nanogpt.py` makes of it.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import torch
from peers.known import environment
from peers.nanogpt import Recipe, Trainer
from peers.texts import held_out_bytes, tokens

from rugpt_core.common.devices import has_bfloat16
from rugpt_core.common.environment import processor, versions
from rugpt_core.common.files import ROOT, read_json, read_jsonl, write_json
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.trainer import train_model

SHAPE = dict(n_layer=4, n_head=4, n_embd=256, block_size=256, batch_size=8)
EXACT = dict(n_layer=4, n_head=4, n_embd=256, batch_size=8, grad_accum=1, max_steps=1000, optimizer="adamw",
    learning_rate=1e-3)
PER_STEP = SHAPE["batch_size"]*SHAPE["block_size"]  # tokens
RESULTS = ROOT/"benchmarks/results/train.json"
OWN_VOCAB = 8192  # pieces of the own tokenizer of the default recipe
PEER = Path(__file__).parent/"peers/contender.py"


class Contender:
    """A trainer in its own process."""

    def __init__(self, folder: Path, **what):
        self.seconds, self.peak = [], 0.
        spec = json.dumps(dict(tokens=str(folder), **SHAPE, **what))
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(1))
        self.process = subprocess.Popen([sys.executable, str(PEER), spec], **pipes)
        self.about = json.loads(self.process.stdout.readline())

    def go(self, steps: int, keep: bool = True):
        """Make so many steps; note how long they took."""
        print(steps, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        self.peak = answer["peak_mb"]
        self.seconds += answer["seconds"] if keep else []

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def speed(source: str, work: Path, turns: int, checkout: str) -> list[dict]:
    """Tokens a second and peak memory of every contender, in alternation."""
    whole, small = tokens(source, work, "gemma"), tokens(source, work, "trimmed")
    fewer = tokens(source, work, "trimmed", min_count=2)
    named = {"nanoGPT" + ("" if checkout else " (stand-in)"): (whole, dict(who="theirs", checkout=checkout), 1)}
    for dtype in ("float32", "bfloat16") if has_bfloat16("cpu") else ("float32",):
        mine = dict(who="ours", family="gpt2", settings=EXACT | dict(dtype=dtype))
        kind = "" if dtype == "float32" else f", {dtype}"
        named |= {f"ours, whole vocabulary{kind}": (whole, mine, 1),
            f"ours, trimmed vocabulary{kind}": (small, mine, 4),
            f"ours, trimmed to pieces that occur twice{kind}": (fewer, mine, 4)}
    contenders = {name: Contender(folder, **what) for name, (folder, what, _) in named.items()}
    for c in contenders.values():
        c.go(2, keep=False)
    for turn in range(turns):
        for name, c in contenders.items():
            c.go(named[name][2])
        print(f"turn {turn + 1}: " + ", ".join(f"{n} {c.seconds[-1]:.2f} s" for n, c in contenders.items()), flush=True)
    for c in contenders.values():
        c.end()
    vocabularies = {name: open_bins(folder, verify=False).vocab_size for name, (folder, _, _) in named.items()}
    return speed_rows(contenders, vocabularies, {n: k for n, (_, _, k) in named.items()}, turns)


def speed_rows(contenders, sizes: dict[str, int], steps: dict[str, int], turns: int) -> list[dict]:
    """Rows of the result; a ratio is the median over turns, each against nanoGPT's step of the same turn."""
    first, rows = next(iter(contenders)), []
    base = contenders[first]
    for name, c in contenders.items():
        work = f"4x256, block 256, batch 8, one thread, vocabulary {sizes[name]:,}"
        by_turn = [statistics.fmean(c.seconds[i*steps[name]:(i + 1)*steps[name]]) for i in range(turns)]
        rates = [PER_STEP/s for s in by_turn]
        ratio = statistics.median(b/s for b, s in zip(base.seconds, by_turn, strict=True))
        rows.append(row(work, name, "training tokens", "1/s", rates, None if c is base else first, ratio, 3))
        rows.append(row(work, name, "peak memory", "MB", [c.peak], None if c is base else first, c.peak/base.peak, 0))
        rows[-2]["parameters"] = c.about["parameters"]
        rows[-2]["fastest"] = max(rates)
    return rows


def row(work, who, metric, unit, values, ratio_to, ratio, digits=3) -> dict:
    """A row in the project's schema."""
    middle = dict(median=round(statistics.median(values), digits), min=round(min(values), digits),
        max=round(max(values), digits))
    return dict(work=work, who=who, metric=metric, unit=unit, **middle, runs=len(values), ratio_to=ratio_to,
                ratio=None if ratio_to is None else round(ratio, 3))


def nanogpt_for(minutes: float, folder: Path, rate: float, checkout: str) -> list[dict]:
    """nanoGPT's way for a time: the schedule is laid over the steps that fit; validation does not count."""
    steps = max(10, int(60*minutes*rate/PER_STEP))
    recipe = Recipe(max_iters=steps, warmup_iters=max(1, steps//20))
    t, seconds, curve = Trainer(folder, recipe, checkout), 0., []
    while True:
        late = seconds >= 60*minutes or t.it == steps
        if t.it % max(1, steps//8) == 0 or late:
            curve.append(dict(step=t.it, tokens=t.it*PER_STEP, seconds=seconds, val_bits_per_byte=t.bits_per_byte()))
            print(curve[-1], flush=True)
        if late:
            return curve
        start = time.perf_counter()
        t.step()
        seconds += time.perf_counter() - start


def ours_for(minutes: float, folder: Path, seed: int, **settings) -> list[dict]:
    """Our default recipe for a time, everything in it counted but the last validation on the whole file."""
    bins = open_bins(folder, verify=False)
    given = dict(minutes=minutes, seed=seed, max_steps=10**6, warmup_steps=20, eval_every=300, eval_tokens=8192)
    given |= dict(batch_size=SHAPE["batch_size"], grad_accum=1) | settings
    config, t = resolve_settings("qwen3", bins.vocab_size, len(bins.train), SHAPE["block_size"], 4, **given)
    with tempfile.TemporaryDirectory() as out:
        found = train_model(bins, config, t, out)
        log, clock = read_jsonl(Path(out)/"log.jsonl"), read_jsonl(Path(out)/"timing.jsonl")
    curve = [dict(step=r["step"], tokens=r["tokens"], seconds=c["seconds"], val_bits_per_byte=r["val_bits_per_byte"])
             for r, c in zip(log, clock, strict=True)]
    curve.append(curve[-1] | dict(val_bits_per_byte=found["whole"]["val_bits_per_byte"], whole=True))
    print(curve[-1], flush=True)
    return curve


def derived(log: Path, rate: float) -> list[dict]:
    """A log of `peers/nanogpt.py` that was made on a busy machine, its tokens turned into time by the undisturbed
    rate."""
    rows = {r["step"]: r for r in read_jsonl(log)}.values()
    return [{k: r[k] for k in ("step", "tokens", "val_bits_per_byte")} | dict(seconds=r["tokens"]/rate) for r in rows]


def quality_rows(curves: dict[str, list], theirs: float, ours: float, size: int) -> list[dict]:
    """Bits per byte at the end of both budgets."""
    end = {name: [c[-1]["val_bits_per_byte"] for c in found] for name, found in curves.items()}
    work = f"ruwiki, {size:,} held-out bytes"
    return [row(work, f"nanoGPT's way, {theirs:g} min, whole vocabulary", "held-out text", "bits/byte", end["nanogpt"],
        None, 1.), row(work, f"ours, {ours:g} min, default recipe", "held-out text", "bits/byte", end["ours"],
        "nanoGPT's way", statistics.median(end["ours"])/end["nanogpt"][0])]


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    parser.add_argument("--source", default=str(shared if shared.exists() else ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--work", default=str(ROOT/"runs/bench-train"), help="folder for the texts as ids")
    parser.add_argument("--nanogpt", default="", metavar="PATH", help="a checkout of nanoGPT")
    parser.add_argument("--parts", default="speed,quality")
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--their-minutes", type=float, default=30.)
    parser.add_argument("--our-minutes", type=float, default=2.)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--their-log", default="",
        help="a log of peers/nanogpt.py to take instead, time derived from the rate")
    return parser.parse_args()


def main():
    args = parse()
    work = Path(args.work).resolve()
    parts = args.parts.split(",")
    stored = read_json(RESULTS) if RESULTS.exists() else dict(about={}, rows=[], curves={}, notes=[])
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 2)))
    if "speed" in parts:
        kept = [r for r in stored["rows"] if r["unit"] == "bits/byte"]
        stored["rows"] = speed(args.source, work, args.turns, args.nanogpt) + kept
        save(stored, args, "speed", 1)
    if "quality" in parts:
        rate = next(r["fastest"] for r in stored["rows"] if r["unit"] == "1/s")
        whole, own = tokens(args.source, work, "gemma"), tokens(args.source, work, "bpe", OWN_VOCAB)
        if args.their_log:
            theirs = derived(Path(args.their_log), rate)
            note = "time of the curve nanogpt: tokens divided by the fastest measured rate, not by a clock"
        else:
            theirs = nanogpt_for(args.their_minutes, whole, rate, args.nanogpt)
            note = "time of the curve nanogpt: of the clock, validation apart"
        ours = [ours_for(args.our_minutes, own, 1337 + k) for k in range(args.seeds)]
        stored["curves"], stored["notes"] = dict(nanogpt=[theirs], ours=ours), [note]
        kept = [r for r in stored["rows"] if r["unit"] != "bits/byte"]
        stored["rows"] = kept + quality_rows(stored["curves"], args.their_minutes, args.our_minutes,
            held_out_bytes(whole))
        save(stored, args, "quality", torch.get_num_threads())


def save(stored: dict, args: argparse.Namespace, part: str, threads: int):
    """Write the result, with the machine on which this part was measured, and say it."""
    stored["about"][part] = dict(machine=f"{processor()}, {os.cpu_count()} cores, {threads} threads",
        versions=versions(), date=date.today().isoformat(), load=round(os.getloadavg()[0], 1),
        nanogpt="checkout" if args.nanogpt else "stand-in")
    write_json(RESULTS, stored)
    for r in stored["rows"]:
        compared = f" ({r['ratio']} of {r['ratio_to']})" if r["ratio_to"] else ""
        print(f"{r['who']}: {r['metric']} {r['median']:,} {r['unit']}{compared}")


if __name__ == "__main__":
    main()
