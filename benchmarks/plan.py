"""What `rugpt plan` predicts beside what training then takes, and the runs that its law of bits per byte is fitted to.

    python benchmarks/plan.py --parts law        # trains small models; writes benchmarks/results/plan_law.json
    python benchmarks/plan.py --parts fit        # fits the law anew to the runs that are there
    python benchmarks/plan.py --parts memory     # ten configurations for the margin of memory; plan_memory.json
    python benchmarks/plan.py --parts predict    # five others; writes benchmarks/results/plan.json
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import asdict
from datetime import date
from pathlib import Path

import numpy as np
import torch

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.modeling.scaling_laws import DATA_LAW, effective
from rugpt_core.study.results import read_results
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.tokenization.text_bins import source_texts, write_texts
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.planner import MARGIN, forecast
from rugpt_core.training.trainer import train_model

RESULTS = ROOT/"benchmarks/results"
SHAPES = {2: (60, 240), 4: (60, 120)}  # depth → optimiser steps of 8 windows of 256 tokens
BETAS = (.1, .126, .15)  # exponents that fit about equally well; with smaller ones E falls below 0
STUDY = ("a-bpe8k-blocks", "b-base-1of16-x1", "b-base-1of16-x4")  # cells of the study with an own BPE of 8,192 pieces
SETTINGS = dict(batch_size=8, grad_accum=1, eval_every=10**6, eval_tokens=8192)


def ids(source: str, work: Path, vocab_size: int):
    """The source in a vocabulary of its own, made once."""
    folder = work/f"bpe-{vocab_size}"
    if not (folder/"meta.json").is_file():
        write_texts(source_texts(source), folder, "bpe", vocab_size)
    return open_bins(folder)


def law(source: str, work: Path, threads: int):
    """Small models at several lengths: parameters, tokens and bits per byte. A length that is there is not trained
    again."""
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
            about = dict(source=Path(source).name, vocab_size=bins.vocab_size,
                bytes_per_token=bins.bytes_per_token("val"), date=date.today().isoformat(), versions=versions())
            write_json(path, about | dict(runs=stored["runs"]))
            print(row, flush=True)


def finished(stored: dict) -> list[tuple[float, float]]:
    """Tokens, repeats counted as `effective` does, and bits per byte at the end of each training: those of `law`, of
    `benchmarks/train.py`, of the study's cells and of its published model."""
    def worth(seen, unique):
        return effective(min(seen, unique), seen, DATA_LAW["rd"])
    points = [(worth(r["tokens"], r["unique"]), r["bits_per_byte"]) for r in stored["runs"]]
    points += [(c[-1]["tokens"], c[-1]["val_bits_per_byte"]) for c in read_json(RESULTS/"train.json")["curves"]["ours"]]
    cells = read_results("cpu").values()
    points += [(worth(r["counts"]["tokens"], r["counts"]["unique_tokens"]), r["whole"]) for r in cells
        if r["cell"] in STUDY]
    flagship, seen = read_json(ROOT/"study/flagship.json"), 0
    for part in flagship["trainings"]:
        seen += part["tokens_seen"]
        points.append((worth(seen, flagship["train_tokens"]), part["bits_per_byte"]))
    return points


def fit_law():
    """bits = E + B/D^β by least squares for three exponents."""
    path = RESULTS/"plan_law.json"
    stored = read_json(path)
    points = finished(stored)
    bits, rows = np.array([b for _, b in points]), []
    for beta in BETAS:
        terms = np.array([[1., d**-beta] for d, _ in points])
        (E, B), *_ = np.linalg.lstsq(terms, bits, rcond=None)
        left = []  # each run against the law of the others
        for k in range(len(points)):
            rest = np.arange(len(points)) != k
            law_of_rest, *_ = np.linalg.lstsq(terms[rest], bits[rest], rcond=None)
            left.append(abs(terms[k] @ law_of_rest - bits[k]))
        error = float(np.sqrt(((terms @ [E, B] - bits)**2).mean()))
        rows.append(dict(beta=beta, E=float(E), B=float(B), error=error, left_out=float(max(left))))
        print(rows[-1])
    write_json(path, stored | dict(points=points, fit=rows))


FITTED = (  # family, depth, block, batch, more settings; `planner.MARGIN` is chosen on these
    ("qwen3", 4, 256, 8, {}), ("gpt2", 4, 256, 8, {}), ("qwen3", 3, 128, 16, dict(dtype="float32")),
    ("qwen3", 6, 256, 4, {}), ("qwen3", 4, 512, 4, dict(optimizer="adamw")), ("qwen3", 5, 128, 8, {}),
    ("gpt2", 3, 256, 8, dict(dtype="float32")), ("qwen3", 4, 128, 32, {}), ("gpt2", 6, 256, 4, dict(optimizer="adamw")),
    ("qwen3", 3, 512, 4, dict(dtype="float32", optimizer="adamw")),
)
CONFIGURATIONS = (  # none of these was used to fit anything
    ("gpt2", 5, 128, 16, {}), ("qwen3", 6, 128, 8, dict(dtype="float32")), ("gpt2", 4, 512, 2, {}),
    ("qwen3", 5, 256, 8, {}), ("qwen3", 3, 256, 16, dict(optimizer="adamw")),
)
REAL = """import json, statistics, sys, tempfile, time
from pathlib import Path
from rugpt_core.common.devices import compute
from rugpt_core.common.environment import peak_memory_mb
from rugpt_core.modeling.model import ModelConfig
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.training.config import TrainConfig
from rugpt_core.training.trainer import Run, validation_row
folder, config, t, steps = json.load(sys.stdin)
t = TrainConfig(**t | dict(betas=tuple(t["betas"])))
seconds = []
with tempfile.TemporaryDirectory() as d:
    run = Run(open_bins(folder), ModelConfig(**config), t, d, Path(d)/"states")
    with compute(run.device, t.threads, 0):
        for _ in range(steps):
            start = time.perf_counter()
            run.accept(*run.train_step())
            seconds.append(time.perf_counter() - start)
        validation_row(run)
        run.save()
print(json.dumps([statistics.median(seconds[1:]), peak_memory_mb()]))
"""


def beside(bins, configurations, threads: int, steps: int):
    """Memory and speed of each configuration, predicted and then measured in training, a process each."""
    for family, depth, block, batch, more in configurations:
        given = SETTINGS | dict(batch_size=batch, max_steps=1000, threads=threads) | more
        config, t = resolve_settings(family, bins.vocab_size, len(bins.train), block, depth, **given)
        found = forecast(config, t)
        asked = json.dumps([str(bins.folder), asdict(config), asdict(t), steps])
        done = subprocess.run([sys.executable, "-c", REAL], input=asked, capture_output=True, text=True, check=True)
        seconds, memory = json.loads(done.stdout.strip().splitlines()[-1])
        name = f"{family} {config.n_layer} x {config.n_embd}, block {block}, batch {batch}, {t.optimizer}, {t.dtype}"
        tokens = batch*block
        yield dict(configuration=name, predicted_mb=round(found.memory_mb), measured_mb=round(memory),
            memory_error=round(found.memory_mb/memory - 1, 3), predicted_speed=round(tokens/found.step_seconds(1)),
            measured_speed=round(tokens/seconds), speed_error=round(seconds/found.step_seconds(1) - 1, 3))


def predict(source: str, work: Path, threads: int, steps: int):
    """Five configurations that nothing was fitted to."""
    rows = []
    for row in beside(ids(source, work, 8192), CONFIGURATIONS, threads, steps):
        rows.append(row)
        print(row, flush=True)
        about = dict(date=date.today().isoformat(), versions=versions(), threads=threads, steps=steps,
                     load=round(os.getloadavg()[0], 1))
        write_json(RESULTS/"plan.json", about | dict(rows=rows))


def memory(source: str, work: Path, threads: int):
    """What trials hold beside what training holds, without the margin: the middle of the errors is the margin."""
    rows = []
    for row in beside(ids(source, work, 8192), FITTED, threads, 3):
        trial_mb = row["predicted_mb"]/MARGIN
        row = dict(configuration=row["configuration"], trial_mb=round(trial_mb), measured_mb=row["measured_mb"],
                   error=round(trial_mb/row["measured_mb"] - 1, 3))
        rows.append(row)
        print(row, flush=True)
        errors = [r["error"] for r in rows]
        write_json(RESULTS/"plan_memory.json", dict(date=date.today().isoformat(), versions=versions(), threads=threads,
            margin=MARGIN, middle=round(1/(1 + (min(errors) + max(errors))/2), 3), rows=rows))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    shared = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    parser.add_argument("--source", default=str(shared if shared.exists() else ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--work", default=str(ROOT/"runs/bench-plan"), help="folder for the texts as ids")
    parser.add_argument("--parts", default="law,predict")
    parser.add_argument("--steps", type=int, default=7, help="training steps that are measured, the first one apart")
    parser.add_argument("--threads", type=int, default=int(os.environ.get("OMP_NUM_THREADS", 2)))
    return parser.parse_args()


def main():
    args = parse()
    torch.set_num_threads(args.threads)
    if "law" in args.parts.split(","):
        law(args.source, Path(args.work), args.threads)
    if {"law", "fit"} & set(args.parts.split(",")):
        fit_law()
    if "memory" in args.parts.split(","):
        memory(args.source, Path(args.work), args.threads)
    if "predict" in args.parts.split(","):
        predict(args.source, Path(args.work), args.threads, args.steps)


if __name__ == "__main__":
    main()
