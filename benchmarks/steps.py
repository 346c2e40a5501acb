"""One training step of ours and of its peers on the same machine, in alternation, as a share of what its products
reach.

    python benchmarks/steps.py --base PATH --nanogpt PATH

--base is a checkout of this project at an older commit, --nanogpt one of nanoGPT; without them those are left out, and
transformers' Trainer where `accelerate` is not installed. Ids are drawn at random: a step takes as long whatever they
are. Time is that of the processor, so that other work on the machine disturbs little; ratios are medians over turns.
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
from peers.known import environment, known

from rugpt_core.common.devices import has_bfloat16
from rugpt_core.common.environment import processor, versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.modeling.model import Model, flops_per_token
from rugpt_core.training.config import resolve_settings

RESULTS = ROOT/"benchmarks/results/steps.json"
STEPPER = Path(__file__).parent/"peers/stepper.py"
SHAPES = {
    "8x512": dict(n_layer=8, n_embd=512, block_size=512, batch_size=8, vocab_size=8192),
    "4x256": dict(n_layer=4, n_embd=256, block_size=256, batch_size=8, vocab_size=8192),
    "4x256-trimmed": dict(n_layer=4, n_embd=256, block_size=256, batch_size=8, vocab_size=50_000),
    "4x256-whole": dict(n_layer=4, n_embd=256, block_size=256, batch_size=8, vocab_size=262_144),
}
PRODUCTS = ((2048, 256, 8192), (4096, 512, 2048), (512, 512, 512))  # whose best rate is the machine's


def product_rates(threads: int, repeats: int = 5) -> dict[str, float]:
    """GFLOP a second of matrix products by type, the best of some shapes; seconds of the processor, all threads
    together."""
    torch.set_num_threads(threads)
    rates = {}
    for dtype in ("float32", "bfloat16") if has_bfloat16("cpu") else ("float32",):
        found = []
        for m, k, n in PRODUCTS:
            a, b = (torch.randn(*shape).to(getattr(torch, dtype)) for shape in ((m, k), (k, n)))
            for _ in range(repeats):
                start = time.process_time()
                for _ in range(1 + 10**10//(m*k*n)):
                    a @ b
                found.append(2*m*k*n*(1 + 10**10//(m*k*n))/(time.process_time() - start)/1e9)
        rates[dtype] = round(max(found), 1)
    return rates


class Contender:
    """A trainer in a process of its own."""

    def __init__(self, what: dict, folder: str = ""):
        env = environment(what["threads"], folder)
        pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
        self.process, self.seconds = subprocess.Popen([sys.executable, str(STEPPER), json.dumps(what)], **pipes), []
        self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a contender ended with {self.process.wait()}; its last lines stand above")
        return json.loads(line)

    def go(self, steps: int, keep: bool = True):
        """Make so many steps; keep the median of their times."""
        print(steps, file=self.process.stdin, flush=True)
        found = self.answer()
        self.peak = found["peak_mb"]
        self.seconds += [statistics.median(found["seconds"])] if keep else []

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def contenders(shape: dict, dtype: str, args: argparse.Namespace, work: str) -> dict[str, Contender]:
    """Everybody who is there, by name; ours first."""
    d_ff = resolve_settings("qwen3", shape["vocab_size"], 400_000, shape["block_size"], shape["n_layer"],
                            n_embd=shape["n_embd"])[0].d_ff
    what = shape | dict(dtype=dtype, threads=args.threads, d_ff=d_ff, work=work)
    there = known(args.base, args.nanogpt)
    wanted = args.who.split(",") if args.who else there
    return {name: Contender(what | about, about.get("folder", "")) for name, about in there.items() if name in wanted}


def measure(name: str, dtype: str, rates: dict, args: argparse.Namespace) -> list[dict]:
    """Rows of one shape in one type."""
    shape = SHAPES[name]
    tokens = shape["batch_size"]*shape["block_size"]
    config, _ = resolve_settings("qwen3", shape["vocab_size"], 400_000, shape["block_size"], shape["n_layer"],
                                 n_embd=shape["n_embd"])
    with torch.device("meta"):
        flops = flops_per_token(Model(config))*tokens
    with tempfile.TemporaryDirectory() as work:
        there = contenders(shape, dtype, args, work)
        for c in there.values():
            c.go(2, keep=False)
        for turn in range(args.turns):
            for c in there.values():
                c.go(args.steps)
            times = ", ".join(f"{n} {c.seconds[-1]*1e3:.0f} ms" for n, c in there.items())
            print(f"{name} {dtype}, turn {turn + 1}: {times}", flush=True)
        for c in there.values():
            c.end()
    first, rows = next(iter(there.values())), []
    for who, c in there.items():
        ratio = statistics.median(s/f for s, f in zip(c.seconds, first.seconds, strict=True))
        middle = statistics.median(c.seconds)
        rows.append(dict(work=f"{name}, {dtype}", who=who, metric="processor time of a step", unit="ms",
                         median=round(middle*1e3), min=round(min(c.seconds)*1e3), max=round(max(c.seconds)*1e3),
                         runs=len(c.seconds), ratio_to=None if c is first else "ours",
                         ratio=None if c is first else round(ratio, 3), peak_mb=round(c.peak),
                         tokens_per_second=round(tokens/middle),
                         products_gflops=rates[dtype],
                         share_of_products=round(flops/middle/1e9/rates[dtype], 3)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="", metavar="PATH", help="a checkout of this project to compare with")
    parser.add_argument("--nanogpt", default="", metavar="PATH", help="a checkout of nanoGPT")
    parser.add_argument("--shapes", default=",".join(SHAPES))
    parser.add_argument("--dtypes", default="bfloat16,float32")
    parser.add_argument("--who", default="", help="names of contenders, with commas; all that are there")
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2, help="steps in a turn; their median counts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", default=str(RESULTS))
    args = parser.parse_args()
    rates, rows = product_rates(args.threads), []
    print(f"products: {rates} GFLOP/s", flush=True)
    for name in args.shapes.split(","):
        for dtype in [d for d in args.dtypes.split(",") if d in rates]:
            rows += measure(name, dtype, rates, args)
            kept = read_json(Path(args.out))["rows"] if Path(args.out).exists() else []
            done = {r["work"] for r in rows}
            about = dict(machine=f"{processor()}, {args.threads} threads", versions=versions(),
                         date=date.today().isoformat(), load=round(os.getloadavg()[0], 1))
            write_json(Path(args.out), about | dict(rows=[r for r in kept if r["work"] not in done] + rows))
    for r in rows:
        compared = f", {r['ratio']} of ours" if r["ratio_to"] else ""
        print(f"{r['work']}: {r['who']} {r['median']:,} ms{compared}, {r['share_of_products']:.0%} of the products' "
            f"rate, {r['peak_mb']:,} MB")


if __name__ == "__main__":
    main()
