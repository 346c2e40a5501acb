"""The rules that judge rewrites: precision and recall of what is accepted, and of each check alone.

    python benchmarks/judging.py [--more FILE ...]

Cases are the batches of tests/data: answers with a person's verdict. A check's precision is the share of bad answers
among those that it refuses, its recall the share of all bad answers that it refuses; most bad answers have another
fault than a check looks for, so recall alone is low. Answers that a person would argue about, or that no rule can see,
are left out. `--more` measures further files of the same form, under their own names.
"""
import argparse
import json
import platform
from collections import Counter
from datetime import date
from pathlib import Path

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_jsonl, write_json
from rugpt_core.metrics.statistics import share_interval
from rugpt_core.synthesis.acceptance import Case, finish_text, judge_answer, name_finder
from rugpt_core.synthesis.client import Answer

PATH = ROOT / "benchmarks/results/judging.json"


def row(work, who, metric, k, n):
    "A share k/n with its interval (Wilson) as min and max; None where nothing was counted."
    found = share_interval(k, n, method="wilson") if n else dict(value=None, low=None, high=None)
    value, low, high = (None if found[x] is None else round(found[x], 4) for x in ("value", "low", "high"))
    return dict(work=work, who=who, metric=metric, unit="share", median=value, min=low, max=high, runs=n, ratio_to=None,
        ratio=None)


def verdicts(path, finder):
    "Whether each clear answer of a file is good, and the reasons against it."
    for r in read_jsonl(path):
        if r["debatable"] or r["judge_only"]:
            continue
        answer = Answer(r["answer"], r["finish_reason"] or "")
        case = Case(r["way"], r["title"], "", source=r["source"], style=r["style"])
        text, _, _ = finish_text("", answer, r["title"])
        yield r["verdict"] == "accept", judge_answer(case, answer, text, finder=finder)[1]


def measure(files):
    "Rows of every file and of all together, then of each check."
    finder, everything, rows = name_finder(), [], []
    for path in files:
        found = list(verdicts(path, finder))
        everything += found
        rows += shares(path.stem, found)
    rows += shares("all batches", everything)
    bad = sum(not good for good, _ in everything)
    refused, right = Counter(), Counter()
    for good, reasons in everything:
        refused.update(reasons)
        right.update(reasons if not good else ())
    for check in sorted(refused):
        rows.append(row("all batches, each check alone", check, "precision", right[check], refused[check]))
        rows.append(row("all batches, each check alone", check, "recall", right[check], bad))
    return rows


def shares(name, found):
    "Precision and recall of what is accepted."
    both = sum(good and not reasons for good, reasons in found)
    work = f"{name}, {len(found)} answers"
    return [row(work, "rules", "precision", both, sum(not r for _, r in found)),
        row(work, "rules", "recall", both, sum(good for good, _ in found))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--more", nargs="*", default=[], help="further files")
    args = parser.parse_args()
    order = ["", "_second", "_third", "_fourth", "_fifth", "_sixth", "_seventh", "_eighth", "_ninth",
        "_tenth", "_eleventh", "_twelfth", "_thirteenth", "_fourteenth",
        "_fifteenth", "_sixteenth", "_seventeenth", "_eighteenth", "_nineteenth", "_twentieth",
        "_twenty_first", "_twenty_second", "_twenty_third", "_twenty_fourth",
        "_twenty_fifth", "_twenty_sixth", "_twenty_seventh", "_twenty_eighth"]
    rows = measure([*(ROOT / f"tests/data/answers{x}.jsonl" for x in order), *map(Path, args.more)])
    for r in rows:
        print(r["work"], r["who"], r["metric"], r["median"], r["runs"], sep=" | ")
    write_json(PATH, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
        date=date.today().isoformat(), rows=rows))
    print(json.dumps(dict(file=str(PATH.relative_to(ROOT)))))


if __name__ == "__main__":
    main()
