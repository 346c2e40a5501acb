"""How artifacts move with their causes: small models that differ in vocabulary, in passes over the text, and in
seed."""
import argparse
import platform
import tempfile
from datetime import date
from pathlib import Path

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, read_jsonl, write_json, write_jsonl
from rugpt_core.corpus.article import article_id, parse, render, split_of
from rugpt_core.corpus.readers import read_source
from rugpt_core.evaluation.causes import CAUSES, moves
from rugpt_core.evaluation.models import MOVING, checkpoint_metrics
from rugpt_core.evaluation.stage import analyze
from rugpt_core.evaluation.text_sets import corpus_of_bins
from rugpt_core.generation.stage import generate_stage
from rugpt_core.tokenization.trainers import train_bpe
from rugpt_core.tokenization.writer import write_bins
from rugpt_core.training.stage import train_models

VOCABULARIES, STEPS, SEEDS = (500, 1500, 5000), (60, 240, 720), (1, 2)
COMMON = 1500  # the vocabulary in whose pieces all texts are measured
TOKENS, BYTES = 160, 320  # of a continuation that is written; of one that is measured, the same for every vocabulary
BITS = "bits_per_byte"
RESULT = ROOT/"benchmarks/results/causes.json"


def rows_of(source):
    """A selection of every article of a source once, a tenth held out."""
    out = {}
    for raw in read_source(source):
        article, key = parse(raw), article_id(raw.source_id, raw.text)
        out[key] = dict(id=key, source=raw.source, title=article.title, text=render(article)[0], topic="",
                        split=split_of(key, .1))
    return [r for r in out.values() if r["text"]]


def cut_bytes(text, size):
    """The beginning of a text, of so many bytes and no more; None where it is shorter."""
    data = text.encode()
    return data[:size].decode(errors="ignore") if len(data) >= size else None


def write_cut(generations, folder):
    """Texts of equal bytes without ids: one tokenizer reads them all. How many were too short, of each set."""
    short = {}
    for f in sorted(generations.glob("*.jsonl")):
        rows = [dict(prompt=r["prompt"], article_id=r["article_id"], text=cut_bytes(r["text"], BYTES))
            for r in read_jsonl(f)]
        short[f.stem] = sum(r["text"] is None for r in rows)
        write_jsonl(folder/f.name, [r for r in rows if r["text"] is not None])
    return short


def one(tokens, common, folder, steps, strategy, seed):
    """Train, generate, analyse: the model's causes; artifacts of its texts at equal bytes, in the pieces of one
    tokenizer."""
    model, texts, cut, out = (folder/n for n in ("model", "generations", "cut", "artifacts"))
    for path in (model, texts, cut, out):
        path.mkdir(parents=True)
    train_models(tokens, model, ["qwen3"], n_layer=2, n_head=2, n_kv_head=2, n_embd=64, block_size=128, batch_size=8,
                 max_steps=steps, warmup_steps=10, eval_every=steps//2, learning_rate=2e-3, threads=1, seed=seed)
    generate_stage(model, tokens, texts, strategies=[strategy], n_prompts=16, max_new_tokens=TOKENS, threads=1,
        seed=seed)
    short = write_cut(texts, cut)
    analyze(cut, common, out, bootstrap=200)
    found = read_json(out/"metrics.json")
    about = checkpoint_metrics(model/"qwen3", corpus_of_bins(tokens), (), None, {}, 200, seed).metrics
    metrics, human = (found["sets"][n]["metrics"] for n in (f"qwen3-{strategy}", "human"))
    return about["causes"] | {a: metrics[a]["value"] for a in MOVING} | {f"human_{a}": human[a]["value"]
        for a in MOVING} \
        | {BITS: about["held_out"][BITS]["value"], "steps": steps, "seed": seed, "texts": metrics["rep_4"]["n"],
           "too_short": short[f"qwen3-{strategy}"], "bytes": BYTES}


def cell(work, tokens, common, steps, strategy, seed):
    """One model of the grid, or what an earlier run of the same command measured of it."""
    path = work/f"{tokens.name}-{steps}-{seed}-{strategy}.json"
    if not path.is_file():
        with tempfile.TemporaryDirectory() as d:
            found = one(tokens, common, Path(d)/"model", steps, strategy, seed)
        write_json(path, found)
    return read_json(path)


def grid(source, strategy, work):
    """Every model of the grid, each kept in `work` as soon as it is measured."""
    import pandas as pd
    rows = pd.DataFrame(rows_of(source))
    for size in VOCABULARIES:
        tokens = work/f"tokens-{size}"
        if not (tokens/"meta.json").is_file():
            tokens.mkdir(parents=True, exist_ok=True)
            write_bins(rows, train_bpe(rows[rows["split"] == "train"]["text"], size), tokens)
    cells = [(size, steps, seed) for size in VOCABULARIES for steps in STEPS for seed in SEEDS]
    common = work/f"tokens-{COMMON}"
    return [cell(work, work/f"tokens-{size}", common, steps, strategy, seed) for size, steps, seed in cells]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=str(ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--strategy", default="greedy")
    parser.add_argument("--work", help="a folder that keeps what was measured: a stopped run goes on there")
    args = parser.parse_args()
    import pandas as pd
    with tempfile.TemporaryDirectory() as d:
        models = grid(args.source, args.strategy, Path(args.work or d))
    moving = moves(models, (*MOVING, BITS))
    table = [dict(work=f"vocabulary {m['vocab_size']}, {m['epochs']:.1f} epochs, seed {m['seed']}", who="rugpt",
        metric=a, unit="", median=m[a], min=m[a], max=m[a], runs=1, ratio_to=None, ratio=None) for m in models
        for a in (*MOVING, BITS)]
    write_json(RESULT, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
                          date=date.today().isoformat(), rows=table, models=models, moves=moving))
    for key in ("rho", "p", "p_holm"):
        found = pd.DataFrame({a: {c: moving[a][c][key] for c in CAUSES} for a in moving}, dtype=float)
        print(key, found.round(3).to_string(), sep="\n")
    print(RESULT)


if __name__ == "__main__":
    main()
