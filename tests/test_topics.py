"""The classifier by natural language inference, against the zero-shot pipeline of transformers."""
import json

import numpy as np
import pytest
import torch
from tokenizers import SentencePieceUnigramTokenizer
from tokenizers.processors import TemplateProcessing
from transformers import (
    AutoTokenizer,
    DebertaV2Config,
    DebertaV2ForSequenceClassification,
    PreTrainedTokenizerFast,
    pipeline,
)

from rugpt_core import topics as tp
from rugpt_core.runs import ROOT, RugptError, read_json, read_parquet, write_jsonl, write_parquet

TOPICS = tp.read_topics(ROOT / "data/topics.yml")
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


def pipeline_scores(model, template):
    "What transformers computes for the same texts and statements."
    tokenizer = AutoTokenizer.from_pretrained(model)
    classifier = pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    statements = tp.hypotheses(TOPICS, template)
    rows = classifier(TEXTS, candidate_labels=statements, hypothesis_template="{}")
    return np.array([[dict(zip(r["labels"], r["scores"], strict=True))[s] for s in statements] for r in rows])


def test_scores_are_those_of_the_zero_shot_pipeline(model):
    nli = tp.NLI(model, device="cpu", max_tokens=LIMIT)
    peers = [pipeline_scores(model, t) for t in tp.TEMPLATES]
    assert np.ptp(peers[0], axis=1).min() > .01, "the random model must tell statements apart"
    assert np.abs(peers[0] - peers[1]).max() > 1e-3, "and templates"
    for template, peer in zip(tp.TEMPLATES, peers, strict=True):
        np.testing.assert_allclose(tp.nli_scores(TEXTS, TOPICS, nli, [template]), peer, atol=1e-4)
    np.testing.assert_allclose(tp.nli_scores(TEXTS, TOPICS, nli), np.mean(peers, axis=0), atol=1e-4)


def test_batches_do_not_change_scores(model, monkeypatch):
    nli = tp.NLI(model, device="cpu", max_tokens=LIMIT)
    whole = tp.nli_scores(TEXTS, TOPICS, nli)
    monkeypatch.setattr(tp, "PAIRS", 5)
    np.testing.assert_allclose(tp.nli_scores(TEXTS, TOPICS, nli), whole, atol=1e-5)
    np.testing.assert_allclose(tp.nli_scores(TEXTS[::-1], TOPICS, nli), whole[::-1], atol=1e-5)


def test_entailment_is_found_by_its_name(tmp_path, model):
    moved = save_model(tmp_path / "moved", ("contradiction", "neutral", "ENTAILMENT"))
    assert [tp.NLI(m, device="cpu").index for m in (model, moved)] == [0, 2]
    with pytest.raises(RugptError, match="none is entailment"):
        tp.NLI(save_model(tmp_path / "other", ("good", "bad", "ugly")), device="cpu")


def test_hub_out_of_reach_names_the_remedy(monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError("We couldn't connect to 'https://huggingface.co' to load the files.\nMore lines.")

    monkeypatch.setattr(AutoTokenizer, "from_pretrained", refuse)
    with pytest.raises(RugptError, match="couldn't connect.*Download it to a folder.*classifier=encoder"):
        tp.NLI("MoritzLaurer/mDeBERTa-v3-base-mnli-xnli")


def test_folder_without_a_model_names_the_remedy(tmp_path):
    with pytest.raises(RugptError, match="cannot be loaded.*classifier=encoder"):
        tp.NLI(str(tmp_path))


def test_stage_with_the_inference_model(tmp_path, model):
    rows = [dict(id=f"{i:016x}", source="file", source_id=f"Q{i}", revision="", title="Статья", text=t,
                 n_chars=len(t), split="val" if i == 3 else "train", meta="{}") for i, t in enumerate(TEXTS)]
    for name in ("clean", "synthetic", "out"):
        (tmp_path / name).mkdir()
    write_parquet(tmp_path / "clean/articles.parquet", rows)
    write_parquet(tmp_path / "synthetic/articles.parquet",
                  read_parquet(tmp_path / "clean/articles.parquet").head(0))
    write_jsonl(tmp_path / "gold.jsonl", [dict(source_id="Q0", topic="geography")])
    counts = tp.classify(tmp_path / "clean", tmp_path / "synthetic", tmp_path / "out", classifier="mdeberta",
                         mdeberta_model=model, gold_topics=str(tmp_path / "gold.jsonl"), min_topic_score=0.)
    assert (counts["articles"], counts["selected_val"], counts["gold"], counts["other"]) == (4, 1, 1, 0)
    assert counts["accuracy"] in (0, 1)
    labels = read_parquet(tmp_path / "out/labels.parquet")
    assert set(labels.classifier) == {"mdeberta"}
    assert all(abs(sum(json.loads(s).values()) - 1) < 1e-3 for s in labels.scores)
    assert read_json(tmp_path / "out/timing.json")["articles"] == 4
