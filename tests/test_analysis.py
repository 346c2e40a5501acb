"""The analysis of a run, and of files that are no run: what is written, what reads it, what is refused."""
import json
import subprocess
import sys

import pytest
from conftest import ROOT, rugpt

from rugpt_core.common.files import read_json, read_parquet
from rugpt_core.evaluation import comparison, measure


@pytest.fixture(scope="module")
def found(chain):
    return read_json(chain[0]/"artifacts/metrics.json")


def estimates(x):
    """Every estimate of a tree."""
    if isinstance(x, dict) and {"value", "low", "high", "n"} <= x.keys():
        yield x
    elif isinstance(x, dict | list):
        for v in x.values() if isinstance(x, dict) else x:
            yield from estimates(v)


def test_every_measure_of_every_set_stands_beside_human_text(found):
    assert "human" in found["sets"] and len(found["sets"]) >= 3
    for name, s in found["sets"].items():
        assert list(s["metrics"]) == list(comparison.METRICS)
        assert (s["minus_human"] is None) == (name == "human")
        assert len(s["novelty"]["n"]) == len(s["novelty"]["value"])
    human = found["sets"]["human"]["metrics"]
    defined = [m for m in comparison.METRICS if human[m]["value"] is not None]
    assert set(comparison.METRICS) - set(defined) <= {"mauve", "mean_logprob", "ent_year_support", "year_error"}


def test_intervals_hold_their_values(found):
    rows = list(estimates(found))
    assert len(rows) > 100
    for e in rows:
        assert e["low"] is None or e["low"] - 1e-9 <= e["value"] <= e["high"] + 1e-9
        assert (e["low"] is None) == (e["high"] is None)


def test_models_have_bits_pairs_and_causes(found):
    assert set(found["models"]) == {s["family"] for s in found["sets"].values() if s["kind"] == "model"}
    for m in found["models"].values():
        assert 0 < m["held_out"]["bits_per_byte"]["value"] < m["held_out"]["bits_per_char"]["value"]
        assert m["minimal_pairs"]["n"] == sum(p["n"] for p in m["minimal_pairs"]["phenomena"].values()) > 50
        assert m["causes"]["epochs"] > 0 and 0 < m["causes"]["effective_rank_share"] <= 1


def test_counts_of_texts_add_up_to_the_ratios(chain, found):
    docs = read_parquet(chain[0]/"artifacts/documents.parquet")
    for name, rows in docs.groupby("set"):
        for metric, (part, whole) in measure.RATIO.items():
            value, total = found["sets"][name]["metrics"][metric]["value"], rows[whole].sum()
            assert value == (pytest.approx(rows[part].sum()/total, abs=1e-8) if total else None)


def test_copies_name_their_articles(chain):
    copies = read_parquet(chain[0]/"artifacts/copies.parquet")
    articles = set(read_parquet(chain[0]/"tokens/docs.parquet")["id"])
    assert set(copies["source_id"]) <= articles
    assert (copies["length"] >= 16).all() and (copies["times"] >= copies["articles"]).all()


@pytest.mark.slow
def test_the_page_steps_through_texts_without_a_network(chain, browser):
    """In a browser, from the disk: nothing else is asked for."""
    path, asked, errors = chain[0]/"artifacts/analysis.html", [], []
    page = browser.new_page()
    page.on("request", lambda r: asked.append(r.url))
    page.on("pageerror", lambda e: errors.append(str(e)))
    page.goto(path.as_uri())
    count, text = page.locator("#count"), page.locator("#texts .body").first
    assert count.inner_text().startswith("1 of ")
    first = text.inner_text()
    page.keyboard.press("ArrowRight")
    assert count.inner_text().startswith("2 of ") and text.inner_text() != first
    page.locator("#set").select_option("human")
    assert page.locator("#texts article").count() == 1
    page.close()
    assert asked == [path.as_uri()] and not errors


def test_analyze_takes_files_that_are_no_run(chain, tmp_path):
    rows = [json.loads(line) for line in (chain[0]/"generations/human.jsonl").read_text().splitlines()][:3]
    mine, out = tmp_path/"mine.jsonl", tmp_path/"out"
    mine.write_text("".join(json.dumps(dict(prompt=r["prompt"], text=r["text"])) + "\n" for r in rows))
    done = rugpt("analyze", "--generations", mine, "--human", mine, "--corpus", ROOT/"data/sample/wiki40b_ru.jsonl",
                 "--tokenizer", chain[0]/"tokens/tokenizer", "--no-tools", "--bootstrap", 100, "--out", out, check=0)
    assert "analysis.html" in done.stdout
    found = read_json(out/"metrics.json")
    assert found["corpus"]["articles"] > 50 and list(found["sets"]) == ["human", "mine"]
    assert found["sets"]["mine"]["minus_human"]["rep_4"]["value"] == 0


def test_bad_generations_are_one_line(chain, tmp_path):
    mine = tmp_path/"mine.jsonl"
    mine.write_text('{"prompt": "а", "text": "б"}\n{oops\n')
    done = rugpt("analyze", "--generations", mine, "--corpus", chain[0]/"tokens", "--no-tools", "--out", tmp_path/"out")
    assert done.returncode == 2 and "mine.jsonl:2" in done.stderr and done.stderr.strip().count("\n") == 0


def test_importing_what_trains_imports_no_tool_of_the_analysis():
    code = ("import sys, rugpt_core.generation.engine, rugpt_core.cli.main; print([m for m in sys.modules if "
        "m.split('.')[0] in ('slovnet', 'navec', 'pymorphy3', 'razdel', 'pydivsufsort', 'natasha')])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True,
        check=True).stdout.strip() == "[]"


def test_lm_eval_gives_the_same_accuracy(chain, tmp_path):
    """The task files and the model behind lm-eval's interface, against our own count."""
    pytest.importorskip("lm_eval")
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    from rugpt_core.metrics import likelihood
    from rugpt_core.modeling.checkpoint import load_model
    from rugpt_core.tokenization.tokenizer import load_tokenizer
    model, tokenizer = load_model(chain[0]/"model/qwen3"), load_tokenizer(chain[0]/"tokens/tokenizer")
    pairs = ROOT/"data/sample/minimal_pairs.csv"
    likelihood.write_lm_eval(tmp_path, pairs, "own")
    found = simple_evaluate(model=likelihood.lm_eval_model(model, tokenizer), tasks=["own"], bootstrap_iters=0,
                            task_manager=TaskManager(include_path=str(tmp_path), include_defaults=False))
    score = lambda sentences: likelihood.sentence_scores(sentences, model, tokenizer)  # noqa: E731
    points = likelihood.minimal_pairs(likelihood.read_pairs(pairs), {"model": score})
    assert found["results"]["own"]["acc,none"] == pytest.approx(points["model"].mean(), abs=1e-9)
