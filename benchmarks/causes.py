"""How artifacts move with their causes: small models that differ in vocabulary and in passes over the text, one training each."""
import argparse
import platform
import tempfile
from datetime import date
from pathlib import Path

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.corpus.article import article_id, parse, render, split_of
from rugpt_core.corpus.readers import read_source
from rugpt_core.evaluation.models import CAUSES, MOVING, moves
from rugpt_core.evaluation.stage import analyze
from rugpt_core.generation.stage import generate_stage
from rugpt_core.tokenization.trainers import train_bpe
from rugpt_core.tokenization.writer import write_bins
from rugpt_core.training.stage import train_models

VOCABULARIES, STEPS = (500, 1500, 5000), (60, 240)
BITS = "bits_per_byte"


def rows_of(source):
    """A selection of every article of a source once, a tenth held out."""
    out = {}
    for raw in read_source(source):
        article, key = parse(raw), article_id(raw.source_id, raw.text)
        out[key] = dict(id=key, source=raw.source, title=article.title, text=render(article)[0], topic="",
                        split=split_of(key, .1))
    return [r for r in out.values() if r["text"]]


def one(tokens, folder, steps, strategy):
    """Train, generate, analyse: the model's causes and artifacts."""
    model, texts, out = (folder/n for n in ("model", "generations", "artifacts"))
    for path in (model, texts, out):
        path.mkdir(parents=True)
    train_models(tokens, model, ["qwen3"], n_layer=2, n_head=2, n_kv_head=2, n_embd=64, block_size=128, batch_size=8,
                 max_steps=steps, warmup_steps=10, eval_every=steps//2, learning_rate=2e-3, threads=1)
    generate_stage(model, tokens, texts, strategies=[strategy], n_prompts=16, max_new_tokens=96, threads=1)
    analyze(texts, tokens, out, model_dir=model, bootstrap=200)
    found = read_json(out/"metrics.json")
    about = found["models"]["qwen3"]
    metrics = found["sets"][f"qwen3-{strategy}"]["metrics"]
    human = found["sets"]["human"]["metrics"]
    return about["causes"] | {a: metrics[a]["value"] for a in MOVING} | {f"human_{a}": human[a]["value"] for a in MOVING} \
        | {BITS: about["held_out"][BITS]["value"], "steps": steps}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=str(ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--strategy", default="greedy")
    args = parser.parse_args()
    import pandas as pd
    rows, models = pd.DataFrame(rows_of(args.source)), []
    with tempfile.TemporaryDirectory() as d:
        for size in VOCABULARIES:
            tokens = Path(d)/f"tokens-{size}"
            tokens.mkdir()
            write_bins(rows, train_bpe(rows[rows["split"] == "train"]["text"], size), tokens)
            models += [one(tokens, Path(d)/f"{size}-{steps}", steps, args.strategy) for steps in STEPS]
    moving = moves(models, (*MOVING, BITS))
    path = ROOT/"benchmarks/results/causes.json"
    table = [dict(work=f"vocabulary {m['vocab_size']}, {m['epochs']:.1f} epochs", who="rugpt", metric=a, unit="", median=m[a],
                  min=m[a], max=m[a], runs=1, ratio_to=None, ratio=None) for m in models for a in (*MOVING, BITS)]
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
                          date=date.today().isoformat(), rows=table, models=models, moves=moving))
    print(pd.DataFrame({a: {c: moving[a][c]["rho"] for c in CAUSES} for a in moving}, dtype=float).round(2).to_string())
    print(path)


if __name__ == "__main__":
    main()
