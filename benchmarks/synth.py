"""Synthesis: 200 requests to a server that injects faults, killed in the middle; and what a real model's answers come
to.

    python benchmarks/synth.py [--live N]

The first part needs no model: every request must end answered, rejected or unanswered with a reason, and none that was
answered before the kill may be asked again. The second judges the answers of the embedded recording, way by way. With
--live N a llama.cpp server of our own is asked for N new articles (half from titles, half rewrites) and its speed is
measured.
"""

import argparse
import os
import platform
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

from rugpt_core.common.environment import versions
from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.runs.chain import run_chain
from rugpt_core.runs.layout import STAGES
from rugpt_core.runs.parameters import chain_parameters
from rugpt_core.synthesis.plan import Ask, Wanted
from rugpt_core.synthesis.session import Service
from rugpt_core.synthesis.stage import make_articles, settings

sys.path.insert(0, str(ROOT / "tests"))
from fault_server import killed_and_again  # noqa: E402


def row(work, metric, unit, value):
    return dict(work=work, who="rugpt", metric=metric, unit=unit, median=value, min=value, max=value, runs=1,
        ratio_to=None, ratio=None)


def faults(clean: Path, n: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as folder:
        found = killed_and_again(Path(folder), clean, topics=n - 40, rewrites=40, kill_at=n // 2)
    c, work = found["counts"], f"{n} requests at concurrency 8, faults injected, kill -9 in the middle"
    if not found["killed"] or found["changed"] or c["asked"] != c["accepted"] + c["rejected"] + c["unanswered"]:
        raise RugptError(f"the counts do not add up: {found}", work)
    values = dict(requests=c["asked"], accepted=c["accepted"], rejected=c["rejected"], unanswered=c["unanswered"])
    values |= {"answers at the kill": found["answers_at_kill"], "answered and asked again": found["asked_again"]}
    print(f"{work}: {found}")
    rows = [row(work, k, "requests", v) for k, v in values.items()] + [row(work, "tries", "tries", found["tries"])]
    rows += [row(work, f"injected: {k}", "tries", v) for k, v in sorted(found["faults"].items()) if k != "none"]
    return rows + [row(work, f"rejected: {k}", "articles", v) for k, v in c["reasons"].items()]


def judged(work: str, counts: dict) -> list[dict]:
    rows = []
    for way, c in counts["ways"].items():
        rows += [row(f"{work}, {way}", k, "articles", c[k])
            for k in ("asked", "answered", "accepted", "rejected", "unanswered")]
        rows.append(
            row(
                f"{work}, {way}",
                "accepted share",
                "of answered",
                round(c["accepted"] / c["answered"], 3) if c["answered"] else None,
            )
        )
    rows += [row(work, f"rejected: {k}", "articles", v) for k, v in counts["reasons"].items()]
    print(f"{work}: {counts['ways']}, {counts['reasons']}")
    return rows


def recorded(clean: Path) -> list[dict]:
    params = chain_parameters("demo")
    with tempfile.TemporaryDirectory() as out:
        counts = make_articles(clean, out, f"{out}/work", params["topics_file"], params["titles_file"],
            *settings(params))
    return judged(f"preset demo, recorded answers of {', '.join(counts['engine']['models'])}", counts)


def live(clean: Path, n: int) -> list[dict]:
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        counts = make_articles(
            clean,
            out,
            f"{out}/work",
            ask=Ask(seed=2),
            wanted=Wanted(n - n // 2, 4, rewrites=n // 2),
            service=Service("local", concurrency=os.cpu_count() or 1),
        )
        seconds = time.perf_counter() - start
    work = f"{n} new articles, llama.cpp server, gemma-3-270m, {os.cpu_count()} cores"
    speed = [
        row(work, "tokens written", "tokens/s", round(counts["usage"]["completion_tokens"] / seconds, 1)),
        row(work, "wall time", "s", round(seconds, 1)),
    ]
    return speed + judged(work, counts)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--live", type=int, default=0, metavar="N",
        help="articles to ask a local server for (default: none)")
    args = parser.parse_args()
    path = ROOT / "benchmarks/results/synth.json"
    with tempfile.TemporaryDirectory() as run_dir:
        run_chain(["clean"], run_dir, chain_parameters("demo"))
        clean = Path(run_dir) / STAGES["clean"].folder
        rows = faults(clean, args.requests) + recorded(clean)
        kept = [r for r in read_json(path)["rows"] if " new articles" in r["work"]] if path.is_file() else []
        rows += live(clean, args.live) if args.live else kept  # a live run takes long: its rows stay till the next one
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
        date=date.today().isoformat(), rows=rows),)
    print(path)


if __name__ == "__main__":
    main()
