"""The verdicts of `rugpt judge` on answers with a person's verdict; none of them is in the documentation of the
checks."""

import json
from pathlib import Path

from conftest import rugpt

ANSWERS = Path(__file__).parent / "data"


def shares(name):
    """Precision and recall of what is accepted, cases that a person would argue about or that no rule can see apart."""
    rows = [json.loads(line) for line in (ANSWERS / name).read_text(encoding="utf-8").splitlines()]
    said = [json.loads(line) for line in rugpt("judge", ANSWERS / name, check=0).stdout.splitlines()]
    assert [s["id"] for s in said] == [r["id"] for r in rows]
    clear = [(s, r) for s, r in zip(said, rows, strict=True) if not r["debatable"] and not r["judge_only"]]
    pairs = [(s["accepted"], r["verdict"] == "accept") for s, r in clear]
    both = sum(a and b for a, b in pairs)
    return len(pairs), both / sum(a for a, _ in pairs), both / sum(b for _, b in pairs), said


def test_answers_that_the_checks_were_developed_on():
    n, precision, recall, said = shares("answers.jsonl")
    assert n > 100 and precision >= 0.95 and recall >= 0.95, (n, precision, recall)
    assert all(bool(s["reasons"]) != s["accepted"] for s in said)


def test_rows_from_standard_input_and_rows_that_are_none():
    import subprocess
    import sys

    line = (ANSWERS / "answers.jsonl").read_text(encoding="utf-8").splitlines()[0]
    command = [sys.executable, "-m", "rugpt_core", "judge"]
    done = subprocess.run(command, input=line + "\n", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and json.loads(done.stdout)["accepted"], done
    done = subprocess.run(command, input=line + "\n{]\n", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2 and "row 2" in done.stderr and "Traceback" not in done.stderr, done
