"""Speed and memory of the analysis: 200 texts of 256 tokens beside a corpus, and its two slowest parts alone.

The "generations" are drawn from token trigrams of the corpus, a stand-in for a model that writes as many tokens.
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from datetime import date
from pathlib import Path

import numpy as np

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json, write_jsonl

TEXTS, TOKENS, OPENING = 200, 256, 32


def make_corpus(source, folder, vocab_size):
    """Bins of a source, a tenth of its articles held out; the tokenizer learns from the first 12 million characters."""
    import pandas as pd

    from rugpt_core.corpus.article import article_id, parse, render, split_of
    from rugpt_core.corpus.readers import read_source
    from rugpt_core.tokenization.trainers import train_bpe
    from rugpt_core.tokenization.writer import write_bins
    rows, sample, n = [], [], 0
    for raw in read_source(source):
        article, key = parse(raw), article_id(raw.source_id, raw.text)
        text = render(article)[0]
        if not text:
            continue
        split = split_of(key, .1)
        rows.append(dict(id=key, source=raw.source, title=article.title, text=text, topic=None, split=split))
        if split == "train" and n < 12_000_000:
            sample.append(text)
            n += len(text)
    write_bins(pd.DataFrame(rows), train_bpe(sample, vocab_size), folder)


def trigram_texts(flat, bos_id, heads, rng):
    """Continue openings by drawing what followed the last two tokens somewhere in the corpus, or the last one."""
    part = np.asarray(flat[:3_000_000]).astype(np.int64)
    two, one = defaultdict(list), defaultdict(list)
    for a, b, c in zip(part[:-2].tolist(), part[1:-1].tolist(), part[2:].tolist(), strict=True):
        if bos_id not in (a, b, c):
            two[a, b].append(c)
            one[b].append(c)
    fallback = part[part != bos_id]
    for head in heads:
        text = list(head)
        while len(text) < len(head) + TOKENS:
            options = two.get((text[-2], text[-1])) or one.get(text[-1])
            text.append(int(options[rng.integers(len(options))] if options else rng.choice(fallback)))
        yield text[len(head):]


def make_generations(tokens, folder, rng):
    """Human continuations of held-out openings, and the stand-in's."""
    from rugpt_core.tokenization.bins import open_bins, split_documents
    from rugpt_core.tokenization.tokenizer import load_tokenizer
    bins, tokenizer = open_bins(tokens), load_tokenizer(Path(tokens)/"tokenizer")
    docs = [d.tolist()[1:] for d in split_documents(bins.val, bins.bos_id)]
    cut = [(i, d[k:k + OPENING + TOKENS]) for i, d in enumerate(docs)
           for k in range(0, len(d) - OPENING - TOKENS, 4*(OPENING + TOKENS))]
    chosen = [cut[i] for i in sorted(rng.permutation(len(cut))[:TEXTS])]

    def row(i, ids, head, who):
        return dict(prompt=tokenizer.decode(head), ids=ids, text=tokenizer.decode(ids), strategy=who,
                    article_id=f"held-out {i}", topic=None)

    write_jsonl(folder/"human.jsonl", [row(i, d[OPENING:], d[:OPENING], "human") for i, d in chosen])
    made = trigram_texts(bins.train, bins.bos_id, [d[:OPENING] for _, d in chosen], rng)
    write_jsonl(folder/"trigram-sample.jsonl", [row(i, ids, d[:OPENING], "sample")
                                                for (i, d), ids in zip(chosen, made, strict=True)])


def whole(tokens, generations, out):
    """The whole analysis in its own process: seconds and peak memory, MB."""
    code = ("import sys, time\nfrom rugpt_core.evaluation.stage import analyze\n"
            "from rugpt_core.common.environment import peak_memory_mb\n"
            "t = time.perf_counter()\nanalyze(sys.argv[1], sys.argv[2], sys.argv[3])\n"
            "print(time.perf_counter() - t, peak_memory_mb())")
    done = subprocess.run([sys.executable, "-c", code, generations, tokens, out], capture_output=True, text=True,
        check=True)
    seconds, memory = done.stdout.strip().split("\n")[-1].split()
    return float(seconds), float(memory)


def novelty_speed(tokens, generations, runs):
    """Query tokens per core-second, human and drawn texts together, the sorted suffixes ready."""
    from rugpt_core.metrics.novelty import longest_matches, suffix_array
    from rugpt_core.tokenization.bins import open_bins
    bins = open_bins(tokens)
    start = time.process_time()
    sa = suffix_array(bins.train, bins.bos_id)
    build = time.process_time() - start
    texts = [json.loads(line)["ids"] for f in sorted(generations.glob("*.jsonl"))
        for line in f.read_text().splitlines()]
    copies = [np.asarray(bins.train[k:k + TOKENS]) for k in range(1, len(bins.train) - TOKENS, len(bins.train)//TEXTS)]
    rates, recited = [], []
    for _ in range(runs):
        for part, into in ((texts, rates), (copies, recited)):
            start = time.process_time()
            longest_matches(sa, part)
            into.append(sum(map(len, part))/(time.process_time() - start))
    return len(bins.train), build, rates, recited


def ner_speed(generations, runs):
    """Sentences per core-second, words cut and entities joined: ours and slovnet's own batches, in alternation."""
    from rugpt_core.metrics.entities import find_entities
    from rugpt_core.metrics.russian import sentences_of, slovnet_model
    texts = [json.loads(line)["text"] for f in sorted(generations.glob("*.jsonl"))
        for line in f.read_text().splitlines()]
    sentences = [t[s.start:s.spans[-1][1]] for t in texts[:150] for s in sentences_of(t)]
    find_entities(texts[:2])
    ours, theirs = [], []
    for _ in range(runs):
        start = time.process_time()
        find_entities(sentences)
        ours.append(len(sentences)/(time.process_time() - start))
        start = time.process_time()
        list(slovnet_model("NER").map(sentences))
        theirs.append(len(sentences)/(time.process_time() - start))
    return ours, theirs


def row(work, who, metric, unit, values, ratio_to=None, ratio=None):
    return dict(work=work, who=who, metric=metric, unit=unit, median=round(statistics.median(values), 2),
                min=round(min(values), 2), max=round(max(values), 2), runs=len(values), ratio_to=ratio_to, ratio=ratio)


def support(metrics):
    """Share of named entities that the corpus has: of people's held-out texts, and of the drawn ones."""
    for name, found in metrics["sets"].items():
        m = found["metrics"]["ent_support"]
        if m["value"] is not None:
            yield row("names that the corpus has", f"{name} texts", "ent_support", "share", [m["value"]]) \
                | dict(min=m["low"], max=m["high"], runs=m["n"])


def rublimp(folder, run_dir):
    """Accuracy on RuBLiMP's pairs of every model of a run, beside the shorter sentence and letter n-grams."""
    from rugpt_core.metrics.likelihood import minimal_pairs, read_pairs, sentence_scores
    from rugpt_core.metrics.ngrams import KneserNey
    from rugpt_core.modeling.checkpoint import load_model
    from rugpt_core.tokenization.bins import open_bins
    from rugpt_core.tokenization.tokenizer import load_tokenizer
    pairs, tokens = read_pairs(folder), Path(run_dir)/"tokens"
    tokenizer = load_tokenizer(Path(run_dir)/"tokens/tokenizer")
    letters = KneserNey([tokenizer.decode(np.asarray(open_bins(tokens).train))])
    scorers = {f"letter {letters.order}-grams": lambda s: [letters.logprob(x) for x in s]}
    for model_dir in sorted(p.parent for p in Path(run_dir).glob("model/*/model.safetensors")):
        who, model = f"{model_dir.name} of {Path(run_dir).name}", load_model(model_dir)
        scorers[who] = lambda s, m=model: sentence_scores(s, m, tokenizer)
    points = minimal_pairs(pairs, scorers)
    return [row(f"RuBLiMP, {len(pairs)} pairs", who, "right pairs", "share", [float(p.mean())])
        for who, p in points.items()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    real = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
    parser.add_argument("--source", default=str(real if real.is_file() else ROOT/"data/sample/wiki40b_ru.jsonl"))
    parser.add_argument("--pairs", default=str(ROOT.parent/"shared/data/rublimp_dev"),
        help="minimal pairs in RuBLiMP's format")
    parser.add_argument("--run-dir", default=str(ROOT/"runs/demo"), help="a run whose models are asked for them")
    parser.add_argument("--vocab", type=int, default=8192)
    parser.add_argument("--tokens", default="", help="tokens folder made before, instead of --source")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--whole-runs", type=int, default=1)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as d:
        tokens, generations, out = Path(args.tokens or f"{d}/tokens"), Path(d)/"generations", Path(d)/"out"
        for folder in (tokens, generations, out):
            folder.mkdir(exist_ok=True)
        if not (tokens/"meta.json").is_file():
            make_corpus(args.source, tokens, args.vocab)
        make_generations(tokens, generations, np.random.default_rng(7))
        size, build, rates, recited = novelty_speed(tokens, generations, args.runs)
        ours, theirs = ner_speed(generations, args.runs)
        seconds, memory = zip(*(whole(tokens, generations, out) for _ in range(args.whole_runs)), strict=True)
        checks, metrics = read_json(out/"references.json")["checks"], read_json(out/"metrics.json")
    texts = 2*TEXTS
    work = f"{TEXTS} drawn and {TEXTS} human texts of {TOKENS} tokens beside {size/1e6:.1f} M training tokens"
    rows = [row(work, "rugpt", "whole analysis, texts of known rank included", "s", seconds),
            row(work, "rugpt", "peak memory of the whole analysis", "MB", memory),
            row(work, "rugpt", "sorting the suffixes", "core-s", [build]),
            row(f"novelty of {texts} texts", "rugpt", "query tokens", "1/core-s", rates),
            row(f"novelty of {TEXTS} stretches of the training text", "rugpt", "query tokens", "1/core-s", recited),
            row("named entities, text to spans", "slovnet", "sentences", "1/core-s", theirs),
            row("named entities, text to spans", "rugpt", "sentences", "1/core-s", ours, "slovnet",
                round(statistics.median(ours)/statistics.median(theirs), 2)), *support(metrics)]
    if Path(args.pairs).exists() and (Path(args.run_dir)/"model/summary.json").is_file():
        rows += rublimp(args.pairs, args.run_dir)
    held = dict(hold=sum(c["holds"] is True for c in checks), fail=[c for c in checks if c["holds"] is False],
                undefined=sum(c["holds"] is None for c in checks))
    path = ROOT/"benchmarks/results/analyze.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()}, {platform.system()}"
    write_json(path, dict(machine=machine, versions=versions(), date=date.today().isoformat(), rows=rows,
        known_ranks=held))
    for r in rows:
        print(f"{r['metric']}, {r['who']}: {r['median']:,} {r['unit']}")
    print(f"known ranks: {held['hold']} hold, {len(held['fail'])} fail, {held['undefined']} undefined; {path}")


if __name__ == "__main__":
    main()
