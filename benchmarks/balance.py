"""What balancing topics does to held-out text: small models that read equally many tokens, topics balanced in four
ways.

The corpus is the openings of real articles beside the repository, which is as one-sided as an encyclopaedia is. Every
way has the same vocabulary, held-out articles and steps; what differs is how often articles are read (p ∝ n^α, see
`topic_reads`), or, for the old caps, which articles are left. Three seeds of weights and order each. Finished runs
are kept in --work, so that a killed measurement goes on. About 25 minutes of one core.
"""
import argparse
import json
import math
import os
import platform
import time
from datetime import date
from pathlib import Path
from statistics import fmean, median, stdev

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

from rugpt_core.common.devices import compute
from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_parquet, text_digest, write_json
from rugpt_core.corpus.cleaning import clean_corpus
from rugpt_core.modeling.loss import IGNORED
from rugpt_core.tokenization.bins import open_bins, split_documents
from rugpt_core.tokenization.splits import choose_roles
from rugpt_core.tokenization.stage import make_tokenizer
from rugpt_core.tokenization.writer import write_bins
from rugpt_core.topics import embedding, taxonomy
from rugpt_core.topics.labels import label_table, with_other
from rugpt_core.topics.sampling import SamplePlan, select_balanced, topic_reads
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.trainer import Run

PATH = ROOT / "benchmarks/results/balance.json"
DATA = ROOT.parent / "shared/data/ruwiki/wiki40b_style.jsonl.gz"
OPENING = 800  # characters of an article: short articles, so that many topics fit into a short training
HELD_OUT, MIN_SCORE = .2, .3  # share of articles; probability under which an article has no topic
WAYS = {"no balance": 1., "weights, α = 0.7": .7, "weights, α = 0.5": .5, "old caps": None}
SEEDS = (1, 2, 3)
MODEL = dict(depth=2, n_embd=128, n_head=2, batch_size=16, grad_accum=1, eval_every=10**6, threads=1, device="cpu",
             dtype="float32")
BLOCK, VOCAB = 128, 4096


def labelled(source, work):
    "Openings of the cleaned articles with their topics, all in train or val."
    kept = work / "labelled.parquet"
    if kept.exists():
        return read_parquet(kept)
    (work / "clean").mkdir(parents=True, exist_ok=True)
    clean_corpus(str(source), work / "clean", val_share=HELD_OUT, workers=1)
    rows = read_parquet(work / "clean/articles.parquet")
    known = taxonomy.read_topics("data/topics.yml")
    scores = embedding.encoder_scores([embedding.opening(a.title, a.text) for a in rows.itertuples()], known)
    labels = with_other(label_table(rows.id, scores, known, "encoder"), MIN_SCORE)
    rows = rows.assign(text=rows.text.str.slice(0, OPENING).str.rstrip()).merge(labels[["id", "topic", "score"]],
        on="id")
    rows["split"] = rows.id.map(choose_roles(rows).of)
    rows.to_parquet(kept)
    return rows


def prepared(way, rows, tokenizer, work):
    "The files of ids of one way, made once; what is left of the text and how it is read."
    alpha, train = WAYS[way], rows[rows.split == "train"]
    sizes = train.topic.value_counts()
    if alpha is None:
        cap = math.ceil(2 * median(n for t, n in sizes.items() if t != taxonomy.OTHER))
        chosen = select_balanced(rows.drop(columns=["topic", "score"]), rows[["id", "topic", "score"]],
            SamplePlan(cap=cap))
        reads = dict.fromkeys(sizes.index, 1.)
    else:
        chosen, reads = rows, topic_reads(train.text.str.len().groupby(train.topic).sum().to_dict(), alpha)
    chosen = chosen.assign(reads=chosen.topic.map(reads).fillna(1.)).sort_values("id")
    out = work / "bins" / text_digest(way)[:12]
    if not (out / "meta.json").exists():
        out.mkdir(parents=True, exist_ok=True)
        write_bins(chosen, tokenizer, out, choose_roles(chosen))
    left = chosen[chosen.split == "train"].text.str.len().sum() / train.text.str.len().sum()
    return open_bins(out), dict(chars_left=round(float(left), 4),
        reads={t: round(r, 3) for t, r in sorted(reads.items())})


def measured(model, bins, held_out, bytes_of):
    "Bits per byte of the held-out articles, by topic and over all."
    nats = []
    model.eval()
    with torch.no_grad():
        for ids in split_documents(bins.val, bins.bos_id):
            ids = torch.from_numpy(np.asarray(ids).astype(np.int64))
            starts = range(0, len(ids) - 1, BLOCK)
            x, y = torch.zeros(len(starts), BLOCK, dtype=torch.int64), torch.full((len(starts), BLOCK), IGNORED)
            for k, s in enumerate(starts):
                part = ids[s:s + BLOCK + 1]
                x[k, :len(part) - 1], y[k, :len(part) - 1] = part[:-1], part[1:]
            nats.append(model.loss(x, y).item() * (len(ids) - 1))
    nats = np.array(nats) / math.log(2)
    out = {t: float(nats[held_out == t].sum() / bytes_of[held_out == t].sum()) for t in sorted(set(held_out))}
    return out, float(nats.sum() / bytes_of.sum())


def trained(way, seed, bins, steps, held_out, bytes_of, work):
    "One model of one way: bits per byte by topic."
    kept = work / f"run-{text_digest(way)[:12]}-{seed}-{steps}.json"
    if kept.exists():
        return json.loads(kept.read_text())
    config, t = resolve_settings("qwen3", bins.vocab_size, len(bins.train), BLOCK, max_steps=steps, seed=seed, **MODEL)
    start = time.process_time()
    with compute(torch.device("cpu"), 1, seed):
        run = Run(bins, config, t, work, work / "state")
        while run.step < steps:
            loss, norm = run.train_step()
            run.accept(loss, norm)
            if run.step % 100 == 0:
                print(f"{way}, seed {seed}: step {run.step} of {steps}, loss {fmean(run.history):.2f}", flush=True)
        by_topic, over_all = measured(run.model, bins, held_out, bytes_of)
    found = dict(by_topic=by_topic, over_all=over_all, tokens=run.tokens, epochs=run.tokens / len(bins.train),
                 seconds=round(time.process_time() - start, 1))
    write_json(kept, found)
    return found


def row(who, metric, values, base, unit="bits per byte"):
    "One line of the results: the seeds' median and spread, and the paired difference from no balance."
    differ = [v - b for v, b in zip(values, base, strict=True)]
    return dict(work="held-out openings", who=who, metric=metric, unit=unit, median=round(median(values), 4),
                min=round(min(values), 4), max=round(max(values), 4), runs=len(values), ratio_to="no balance",
                ratio=round(median(values) / median(base), 4), difference=round(fmean(differ), 4),
                difference_sd=round(stdev(differ), 4))


def results(found, counts, about):
    "Rows for every way: over all bytes, the mean of the topics, and each topic."
    def macro(f): return fmean(v for t, v in f["by_topic"].items() if t != taxonomy.OTHER)

    def worst(f): return max(v for t, v in f["by_topic"].items() if t != taxonomy.OTHER)

    rows, base = [], found["no balance"]
    for way, runs in found.items():
        for name, f in (("over all bytes", lambda r: r["over_all"]), ("mean of topics", macro), ("worst topic", worst)):
            rows.append(row(way, name, [f(r) for r in runs], [f(r) for r in base]))
        for t in counts:
            rows.append(row(way, f"topic {t}", [r["by_topic"][t] for r in runs], [r["by_topic"][t] for r in base]))
    return dict(machine=f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores", versions=versions(),
                date=date.today().isoformat(), about=about, topics=counts, rows=rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", default=str(DATA))
    parser.add_argument("--work", default=str(ROOT / "runs/balance"), help="folder for what is finished")
    parser.add_argument("--steps", type=int, default=360, help="of 16 windows of 128 tokens")
    args = parser.parse_args()
    work = Path(args.work)
    rows = labelled(args.source, work)
    tokenizer = make_tokenizer("bpe", rows, VOCAB)
    ready = {way: prepared(way, rows, tokenizer, work) for way in WAYS}
    held = rows[rows.split == "val"].sort_values("id")
    size = np.array([len(f"{a.title}\n\n{a.text}".encode()) for a in held.itertuples()])
    counts = {t: dict(train=int(((rows.topic == t) & (rows.split == "train")).sum()),
        held_out=int((held.topic == t).sum())) for t in sorted(set(held.topic))}
    found = {way: [] for way in WAYS}
    for seed in SEEDS:
        for way in WAYS:
            found[way].append(trained(way, seed, ready[way][0], args.steps, held.topic.to_numpy(), size, work))
    about = {way: ready[way][1] | dict(tokens_seen=found[way][0]["tokens"], epochs=round(found[way][0]["epochs"], 2),
                                       seconds=round(sum(r["seconds"] for r in found[way]), 1)) for way in WAYS}
    write_json(PATH, results(found, counts, about))
    for r in json.loads(PATH.read_text())["rows"]:
        if not r["metric"].startswith("topic "):
            print(*(f"{k} {r[k]}" for k in ("who", "metric", "median", "min", "max", "difference", "difference_sd")),
                sep=" | ")


if __name__ == "__main__":
    main()
