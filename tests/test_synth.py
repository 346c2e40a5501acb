"""Synthesis against a server that misbehaves: nothing lost, nothing asked twice after a kill, no key in any file."""

import json
import shutil
from pathlib import Path

import pytest
from conftest import rugpt
from fault_server import FAULTS, fault_server, killed_and_again, lines

from rugpt_core.common.files import read_parquet, write_parquet
from rugpt_core.corpus.article import article_schema

KEY = "rugpt-test-key-7f3a91c24b"


@pytest.fixture
def clean(tmp_path):
    """A few cleaned articles."""
    folder = tmp_path / "clean"
    folder.mkdir()
    rows = []
    for i in range(20):
        text = (
            f"Озеро {i} — водоём на севере. " + f"Берега его заросли лесом, и рыба там водится разная, числом {i}. " * 3
        )
        rows.append(
            dict(
                id=f"{i:016x}",
                source="file",
                source_id=f"S{i}",
                revision=f"{i}",
                title=f"Озеро {i}",
                text=text,
                n_chars=len(text),
                split="val" if i % 5 == 0 else "train",
                meta='{"sections": []}',
            )
        )
    write_parquet(folder / "articles.parquet", rows, article_schema())
    return folder


def test_faults_and_a_kill_in_the_middle_lose_nothing_and_repeat_nothing(clean, tmp_path):
    found = killed_and_again(tmp_path, clean, topics=40, rewrites=8, kill_at=15)
    counts = found["counts"]
    assert found["killed"] and 15 <= found["answers_at_kill"] < 48, found
    assert found["asked_again"] == found["changed"] == 0, found
    assert counts["asked"] == 48 == counts["accepted"] + counts["rejected"] + counts["unanswered"], counts
    assert counts["requests"]["new"] == 48 + counts["outlines"]["asked"] - found["answers_at_kill"]
    lost = counts["unanswered"] + counts["outlines"]["unanswered"]
    assert lost == sum(counts["unanswered_reasons"].values()) < 24 and counts["accepted"] > 10, counts
    assert {"not_cyrillic", "loop", "refusal"} & counts["reasons"].keys(), counts  # two hundred have all three
    assert counts["unanswered_reasons"].get("empty answer"), counts
    assert len(found["faults"].keys() - {"none"}) >= 9, found
    rows = [r for name in ("articles", "rejected") for r in read_parquet(tmp_path / f"out/{name}.parquet")["source_id"]]
    assert len(rows) == len(set(rows)) == counts["answered"]


@pytest.mark.slow
def test_two_hundred_requests_meet_every_kind_of_fault_and_a_kill(clean, tmp_path):
    """None lost, none twice, all accounted for; the next run asks for what got no answer."""
    found = killed_and_again(tmp_path, clean, topics=184, rewrites=16, kill_at=90, once_more=True, timeout=5)
    counts, last = found["counts"], found["once_more"]
    assert found["killed"] and 90 <= found["answers_at_kill"] < 200, found
    assert found["faults"].keys() - {"none"} == FAULTS.keys() and len(FAULTS) >= 12, found
    assert found["asked_again"] == found["changed"] == 0, found
    assert counts["asked"] == 200 == counts["accepted"] + counts["rejected"] + counts["unanswered"], counts
    assert {"not_cyrillic", "loop", "refusal"} <= counts["reasons"].keys(), counts
    assert counts["asks_again"] == counts["unanswered"] + counts["outlines"]["unanswered"] > 0, counts
    assert last["requests"]["new"] == counts["asks_again"] > last["asks_again"], (counts, last)
    assert last["unanswered_reasons"].keys() <= {"empty answer", "http 400"}, last  # some are always empty
    said = lines(tmp_path / "out/unanswered.jsonl")
    assert len(said) == last["asks_again"] and all(x["said"] for x in said), said


def everything(folder):
    return {p: p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def dry_run_and_limits(run_dir):
    """What it would cost is said and nothing is written; a limit of cost without a price is refused."""
    before = everything(run_dir)
    nowhere = ["--set", "llm_base_url=http://127.0.0.1:9/v1"]
    done = rugpt("synthesize", "--dry-run", "--run-dir", run_dir, *nowhere, "--set", "llm_model=gpt-4o-mini", check=0)
    assert "likely" in done.stdout and "at most" in done.stdout and "$0.0" in done.stdout, done.stdout
    assert everything(run_dir) == before
    done = rugpt("synthesize", "--run-dir", run_dir, *nowhere, "--set", "llm_model=unknown", "--max-cost", "1")
    assert done.returncode == 2 and "the model has no price" in done.stderr, done.stderr


def test_the_key_is_in_no_file_and_in_no_line(chain, tmp_path, monkeypatch):
    """A whole stage by the command line: a server that repeats the key, then one that refuses it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run_dir, log = tmp_path / "run", tmp_path / "log.jsonl"
    shutil.copytree(chain[0], run_dir, ignore=shutil.ignore_patterns("model", "report", "tokens", "generations"))
    values = (
        "llm_engine=openai",
        "llm_model=faulty",
        "n_topic_articles=12",
        "n_rewrites=2",
        "llm_timeout=1.5",
        "llm_concurrency=8",
        "n_outlines=2",
    )
    sets = [x for v in values for x in ("--set", v)]
    with fault_server(log, "--slow", "2", "--pause", "0.01", "--without", "wait") as url:
        done = rugpt(
            "--debug", "stage", "synthesize", "--run-dir", run_dir, *sets, "--set", f"llm_base_url={url}", check=0
        )
        assert sum(x["fault"] != "none" for x in lines(log)) > 3
    with fault_server(log, "--refuse") as url:
        sets += ["--set", f"llm_base_url={url}", "--set", "seed=2"]
        refused = rugpt("--debug", "stage", "synthesize", "--run-dir", run_dir, *sets)
    assert refused.returncode == 2 and "the server refused the key" in refused.stderr, refused.stderr
    texts = [
        t for name in ("articles", "rejected") for t in read_parquet(run_dir / f"synthetic/{name}.parquet")["text"]
    ]
    assert "[key]" in "".join(texts), "the server repeated the key in an answer"
    dry_run_and_limits(run_dir)
    files = everything(run_dir)
    assert any(p.name == "failed.03_synthesize.ipynb" for p in files) and any(p.suffix == ".sqlite" for p in files)
    held = [str(p) for p, data in files.items() if KEY.encode() in data]
    assert not held and KEY not in done.stdout + done.stderr + refused.stdout + refused.stderr


@pytest.mark.slow
def test_open_requests_and_rejected_answers_are_asked_again(chain, tmp_path, monkeypatch):
    """By the command line: a stage with open requests is not current; --retry-rejected asks for the rejected alone."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run_dir, log = tmp_path / "run", tmp_path / "log.jsonl"
    shutil.copytree(chain[0], run_dir, ignore=shutil.ignore_patterns("model", "report", "tokens", "generations"))
    values = dict(llm_engine="openai", llm_model="faulty", n_topic_articles=24, n_rewrites=2, llm_timeout=4,
                  llm_concurrency=8, n_outlines=2)
    sets = [x for k, v in values.items() for x in ("--set", f"{k}={v}")]

    def run(*options):
        before = len(lines(log))
        done = rugpt("synthesize", "--run-dir", run_dir, *sets, "--set", f"llm_base_url={url}", *options, check=0)
        counts = json.loads((run_dir / "synthetic/manifest.json").read_text())["counts"]
        return counts, lines(log)[before:], done.stdout + done.stderr

    with fault_server(log, "--slow", "5", "--pause", "0.01", "--without", "wait") as url:
        first, _, _ = run()
        assert first["asks_again"] > 0 and first["rejected"] > 0, first
        second, asked, _ = run()
        assert second["requests"]["new"] == first["asks_again"] and asked, (first, second)
        kept = set(read_parquet(run_dir / "synthetic/articles.parquet")["id"])
        rejected = read_parquet(run_dir / "synthetic/rejected.parquet")["source_id"].tolist()
        third, _, said = run("--retry-rejected")
        assert f"{len(rejected)} rejected answers are asked for again" in said, said
        assert third["requests"]["new"] == len(rejected) + second["asks_again"], (second, third)
        assert kept <= set(read_parquet(run_dir / "synthetic/articles.parquet")["id"]), "an accepted article was lost"
