"""Synthesis against a server that misbehaves: nothing lost, nothing asked twice after a kill, no key in any file."""
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT, RUGPT, rugpt

from rugpt_core.corpus import article_schema
from rugpt_core.runs import read_parquet, write_parquet

KEY = "rugpt-test-key-7f3a91c24b"
STAGE = """
import json, sys
from rugpt_core.synth import Ask, Service, Wanted
from rugpt_core.synth_stage import synthesize
clean, out, work, url, n = sys.argv[1:]
counts = synthesize(clean, out, work, ask=Ask("faulty"), wanted=Wanted(int(n), 4, rewrites=8),
    service=Service("openai", base_url=url, concurrency=8, timeout=1.5), entity_check="capitals")
json.dump(counts, open(out + "/counts.json", "w"))
"""


@contextmanager
def fault_server(log, *options):
    """The server's base address; its log is a file of JSON lines."""
    Path(log).touch()
    with subprocess.Popen([sys.executable, ROOT/"tests/fault_server.py", log, *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()


def lines(path):
    return [json.loads(x) for x in Path(path).read_text().splitlines()]


def answered(journal):
    if not Path(journal).is_file():
        return {}
    with sqlite3.connect(f"{Path(journal).as_uri()}?mode=ro", uri=True) as db:
        try:
            return dict(db.execute("SELECT key, text FROM answers").fetchall())
        except sqlite3.OperationalError: # the table is not there yet
            return {}


@pytest.fixture
def clean(tmp_path):
    """A few cleaned articles."""
    folder = tmp_path/"clean"
    folder.mkdir()
    text = lambda i: f"Озеро {i} — водоём на севере. " + f"Берега его заросли лесом, и рыба там водится разная, числом {i}. " * 3
    write_parquet(folder/"articles.parquet", [dict(id=f"{i:016x}", source="file", source_id=f"S{i}", revision=f"{i}", title=f"Озеро {i}", text=text(i),
        n_chars=len(text(i)), split="val" if i % 5 == 0 else "train", meta='{"sections": []}') for i in range(20)], article_schema())
    return folder


def run(clean, out, work, url, n):
    Path(out).mkdir(exist_ok=True)
    env = {**os.environ, "OPENAI_API_KEY": KEY}
    return subprocess.Popen([sys.executable, "-c", STAGE, *map(str, (clean, out, work, url, n))], cwd=ROOT, env=env,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_faults_and_a_kill_in_the_middle_lose_nothing_and_repeat_nothing(clean, tmp_path):
    out, work, log = tmp_path/"out", tmp_path/"work", tmp_path/"log.jsonl"
    with fault_server(log, "--slow", "2.5", "--pause", "0.1") as url:
        killed = run(clean, out, work, url, 40)
        while len(answered(work/"journal.sqlite")) < 15 and killed.poll() is None:
            time.sleep(.02)
        killed.send_signal(signal.SIGKILL)
        killed.communicate()
        assert killed.returncode == -signal.SIGKILL, "it ended before it could be killed"
        before, asked_before = answered(work/"journal.sqlite"), lines(log)
        assert 15 <= len(before) < 48 and not (out/"articles.parquet").exists()
        again = run(clean, out, work, url, 40)
        said, _ = again.communicate(timeout=120)
        assert again.returncode == 0, said
    counts = json.loads((out/"counts.json").read_text())
    assert counts["asked"] == 48 == counts["accepted"] + counts["rejected"] + counts["unanswered"], counts
    assert counts["answered"] == counts["accepted"] + counts["rejected"]
    assert counts["unanswered"] == 0 and counts["accepted"] > 10 and {"empty", "not_cyrillic", "refusal"} & counts["reasons"].keys()
    after = answered(work/"journal.sqlite")
    assert before.items() <= after.items(), "an answer that was kept has changed"
    assert counts["requests"]["new"] == 48 + counts["outlines"]["asked"] - len(before)
    # the server answered each request once; those under way at the kill were answered to nobody, and only those again
    good = [x["prompt"] for x in lines(log) if x["fault"] == "none" and not x["probe"]]
    lost = [x["prompt"] for x in asked_before if x["fault"] == "none" and not x["probe"]]
    assert len(good) - len(set(good)) <= len(lost) - len(before) <= 8
    assert {"500", "429", "slow", "reset", "cut"} <= {x["fault"] for x in lines(log)}
    rows = [*read_parquet(out/"articles.parquet")["source_id"], *read_parquet(out/"rejected.parquet")["source_id"]]
    assert len(rows) == len(set(rows)) == 48


def everything(folder):
    return {p: p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_the_key_is_in_no_file_and_in_no_line(chain, tmp_path, monkeypatch):
    """A whole stage by the command line: a server that repeats the key, then one that refuses it."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    run_dir, log = tmp_path/"run", tmp_path/"log.jsonl"
    shutil.copytree(chain[0], run_dir, ignore=shutil.ignore_patterns("model", "report", "tokens", "generations"))
    sets = ["--set", "llm_engine=openai", "--set", "llm_model=faulty", "--set", "n_topic_articles=12", "--set", "n_rewrites=2", "--set", "llm_timeout=0.8",
            "--set", "llm_concurrency=8", "--set", "n_outlines=2"]
    with fault_server(log, "--slow", "1.2", "--pause", "0.01") as url:
        done = rugpt("--debug", "stage", "synthesize", "--run-dir", run_dir, *sets, "--set", f"llm_base_url={url}", check=0)
        assert sum(x["fault"] != "none" for x in lines(log)) > 3
    refused = rugpt("--debug", "stage", "synthesize", "--run-dir", run_dir, *sets, "--set", f"llm_base_url={url}", "--set", "seed=2")
    assert refused.returncode == 2 and "no connection" in refused.stderr, refused.stderr
    texts = "".join(r["text"] for name in ("articles", "rejected") for r in read_parquet(run_dir/f"synthetic/{name}.parquet").to_dict("records"))
    assert "[key]" in texts, "the server repeated the key in an answer"
    files = everything(run_dir)
    assert any(p.name == "failed.03_synthesize.ipynb" for p in files) and any(p.suffix == ".sqlite" for p in files)
    held = [str(p) for p, data in files.items() if KEY.encode() in data]
    assert not held and KEY not in done.stdout + done.stderr + refused.stdout + refused.stderr


def test_a_dry_run_costs_nothing_and_limits_are_kept(chain, tmp_path):
    run_dir = tmp_path/"run"
    shutil.copytree(chain[0], run_dir, ignore=shutil.ignore_patterns("model", "report", "tokens", "generations"))
    before = everything(run_dir)
    sets = ["--set", "llm_engine=openai", "--set", "llm_model=gpt-4o-mini", "--set", "llm_base_url=http://127.0.0.1:9/v1"]
    done = rugpt("synthesize", "--dry-run", "--run-dir", run_dir, *sets, check=0)
    assert "likely" in done.stdout and "at most" in done.stdout and "$0.0" in done.stdout, done.stdout
    assert everything(run_dir) == before
    done = rugpt("synthesize", "--run-dir", run_dir, *sets, "--set", "llm_model=unknown", "--max-cost", "1")
    assert done.returncode == 2 and "the model has no price" in done.stderr, done.stderr
