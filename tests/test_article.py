"""The article of the study: numbers come from files, claims hold, the published pages are those of the files."""
import html
import json
import re

import pytest
from conftest import ROOT

from rugpt_core.common.errors import RugptError
from rugpt_core.convert.published import open_published, published_folder
from rugpt_core.evaluation.measure import make_tools
from rugpt_core.evaluation.text_sets import corpus_of_bins
from rugpt_core.generation.stage import run_checkpoint
from rugpt_core.study.article import article_facts, article_text, ledger
from rugpt_core.study.claims import read_claims
from rugpt_core.study.flagship import flagship_facts, write_samples
from rugpt_core.study.results import read_results

CLAIMS = [c for c in read_claims() if c.preset == "cpu"]


def bare(text):
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", text))).replace("’", "'").strip()


@pytest.fixture(scope="module")
def results():
    return read_results("cpu")


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_published_page_says_what_the_results_say(results, lang):
    page = bare((ROOT/f"report/study.{lang}.html").read_text(encoding="utf-8"))
    entries = ledger(CLAIMS, results, lang)
    for id, e in entries.items():
        assert bare(e["sentence"]) in page, f"{id}: run `make article`"
    template = (ROOT/f"study/article.{lang}.md").read_text(encoding="utf-8")
    text, figures = article_text(template, lang, entries, results, article_facts())
    assert len(figures) >= 12
    shown = [c for c in re.findall(r"\*\*(?:Figure|Рисунок) \d+\.\*\*", text)]
    assert len(shown) == len(figures)
    for name in figures:
        for ending in ("", ".narrow"):
            assert (ROOT/f"figures/study/{name}.{lang}{ending}.svg").is_file(), "run `make article`"


def test_both_languages_make_the_same_claims_in_the_same_order():
    found = [re.findall(r'claim\("([\w-]+)"\)|figures\["([\w-]+)"\]',
        (ROOT/f"study/article.{lang}.md").read_text(encoding="utf-8")) for lang in ("en", "ru")]
    assert found[0] == found[1]


def test_a_claim_that_stopped_to_hold_prints_no_article(results):
    worse = {id: r if r["cell"] != "c-human" else json.loads(json.dumps(r).replace('"rep_4": {"value": 0.0',
        '"rep_4": {"value": 0.9')) for id, r in results.items()}
    with pytest.raises(RugptError, match="people-repeat-little: does not hold"):
        ledger(CLAIMS, worse, "en")


def test_the_samples_are_of_the_published_model():
    samples = json.loads((ROOT/"study/samples.json").read_text(encoding="utf-8"))
    flagship = article_facts()["flagship"]
    about = json.loads((published_folder([ROOT/"models"])/"digests.json").read_text())
    assert samples["trained"] == flagship["trained"] == about["trained"], "run rugpt study --flagship RUN"
    prompts = {line for line in (ROOT/"study/prompts.txt").read_text(encoding="utf-8").splitlines() if line}
    assert {t["prompt"] for t in samples["texts"]} == prompts


def test_the_published_model_is_whole_and_small():
    folder = published_folder([ROOT/"models"])
    checkpoint, tokenizer = open_published(folder)
    assert sum(p.stat().st_size for p in folder.iterdir()) <= 30_000_000
    assert checkpoint.model.config.vocab_size == tokenizer.vocab_size
    card = (folder/"README.md").read_text(encoding="utf-8")
    for part in ("cc-by-sa", "bits", str(sum(p.numel() for p in checkpoint.model.parameters()))[:2]):
        assert part in card, part


def test_numbers_and_texts_of_a_run(chain):
    run_dir = chain[0]
    facts = flagship_facts([run_dir], "qwen3")
    summary = json.loads((run_dir/"model/summary.json").read_text())["qwen3"]
    assert facts["parameters"] == summary["parameters"] and facts["curve"][-1]["tokens"] == facts["tokens_seen"]
    with pytest.raises(RugptError, match="started from fresh weights, not from"):
        flagship_facts([run_dir, run_dir], "qwen3") # the second did not go on from the first
    _, checkpoint, tokenizer = run_checkpoint(run_dir, "qwen3")
    tools = make_tools(corpus_of_bins(run_dir/"tokens"), tools=False)
    texts = write_samples(checkpoint.model, tokenizer, tools, ["Река"], ["greedy"], tokens=48)
    assert [t["prompt"] for t in texts] == ["Река"] and texts[0]["text"]
    for start, end, kind in texts[0]["marks"]:
        assert 0 <= start < end <= len(texts[0]["text"]) and kind in ("loop", "copy")
