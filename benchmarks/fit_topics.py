"""Fit the weights that correct the encoder's similarities to topics, and say how well they do on articles not fitted
on.

`--labelled` are JSON lines of title, text and topic beside the repository, in the classes of a list of
data/topic_maps.yml. A class holds several of our topics: what is fitted is the probability of the class, the sum of its
topics' (L-BFGS, with a penalty on the table). Ten folds: in each, the table is fitted on nine tenths and judged on the
last. The temperature is fitted on other articles, benchmarks/ruwiki_topics.jsonl, by which neither phrasings nor table
were chosen; its calibration is measured by fitting it on one half of them and judging the other. Only numbers are
written, into data/topic_weights.npz and benchmarks/results/topics.json.
"""
import argparse
import json
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import topics as measured
from scipy.optimize import minimize, minimize_scalar
from sklearn.model_selection import StratifiedKFold

from rugpt_core.common.files import ROOT
from rugpt_core.topics import embedding
from rugpt_core.topics.quality import classifier_measures

PENALTY, FOLDS, SEEDS = 3e-4, 10, (0, 1, 2)


def fit(x, logits, true, members, penalty=PENALTY):
    "The table with the least penalised log loss of classes; rare classes count for a little more."
    sizes = np.bincount(true, minlength=members.shape[1])
    weight = 1 / np.sqrt(np.maximum(sizes, 1))[true]
    weight /= weight.mean()
    allowed, shape = members[:, true].T, (x.shape[1], logits.shape[1])

    def loss(flat):
        z = logits + x @ flat.reshape(shape)
        e = np.exp(z - z.max(1, keepdims=True))
        total, right = e.sum(1), (e * allowed).sum(1) + 1e-300
        slope = (e / total[:, None] - e * allowed / right[:, None]) * weight[:, None] / len(x)
        return (weight * np.log(total / right)).mean() + penalty / 2 * flat @ flat, (
            x.T @ slope
        ).ravel() + penalty * flat

    return minimize(loss, np.zeros(shape).ravel(), jac=True, method="L-BFGS-B",
        options=dict(maxiter=300)).x.reshape(shape)


def temperature(logits, true, members):
    "The one with the least log loss of classes."
    def loss(t):
        return -np.log((embedding.softmax(logits / np.exp(t)) @ members)[np.arange(len(true)), true] + 1e-12).mean()

    return float(np.exp(minimize_scalar(loss, bounds=(-2, 2), method="bounded").x))


def calibrate(data, words, table, members):
    "The temperature, from articles that nothing was fitted on; rows with its calibration error, by halves."
    texts, names = measured.unseen_articles()
    x, logits = embedding.topic_features(texts, words, data.encode)
    true, logits = np.array([data.classes.index(c) for c in names]), logits + x @ table
    found = []
    for a, b in measured.halves(names):
        scores = np.zeros((len(true), len(data.classes)))
        for one, other in ((a, b), (b, a)):
            scores[other] = embedding.softmax(logits[other] / temperature(logits[one], true[one], members)) @ members
        found.append((names, scores))
    work = f"{len(names)} articles of Wikipedia, unseen, {len(data.classes)} classes, {len(found)} times two halves"
    data.judge("encoder and weights, temperature from the other half", found, work)
    return temperature(logits, true, members)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", default=str(ROOT.parent / "shared/data/topics/topics_dev.jsonl"))
    parser.add_argument("--map", default="ruwiki")
    args = parser.parse_args()
    data = measured.Labelled(args.labelled, args.map)
    words = embedding.topic_vectors(data.topics, data.encode)
    x, logits = embedding.topic_features(data.texts, words, data.encode)
    members = np.array([[c == data.map.topics[t.key] for c in data.classes] for t in data.topics], float)
    true = np.array([data.classes.index(c) for c in data.true])
    runs = []
    for seed in SEEDS:
        unseen = np.zeros_like(logits)
        for a, b in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(x, true):
            unseen[b] = logits[b] + x[b] @ fit(x[a], logits[a], true[a], members)
        scores = np.zeros((len(true), len(data.classes)))
        for a, b in (slice(0, None, 2), slice(1, None, 2)), (slice(1, None, 2), slice(0, None, 2)):
            scores[b] = embedding.softmax(unseen[b] / temperature(unseen[a], true[a], members)) @ members
        runs.append((data.true, scores))  # also the temperature is that of other articles
        found = classifier_measures(list(data.true), scores, data.classes)
        print(f"seed {seed}: accuracy {found['accuracy']}, macro F1 {found['macro_f1']}", flush=True)
    work = f"{data.work}, {FOLDS} folds"
    data.judge("encoder and weights, articles not fitted on (phrasings seen)", runs, work)
    plain = embedding.softmax(logits) @ members
    data.judge("encoder without weights (phrasings seen)", [(data.true, plain)], work)
    table = fit(x, logits, true, members)
    warmth = calibrate(data, words, table, members)
    np.savez_compressed(ROOT / embedding.WEIGHTS, table=table.astype(np.float16),
        temperature=np.float64(warmth), topics=np.array(embedding.topics_digest(data.topics)))
    measured.save()
    print(json.dumps(dict(file=embedding.WEIGHTS, bytes=(ROOT / embedding.WEIGHTS).stat().st_size)))


if __name__ == "__main__":
    main()
