"""Record the answers that the pipeline replays offline: `make record`.

    python data/sample/record_llm.py                                         # a llama.cpp server, started here
    python data/sample/record_llm.py --engine openai --base-url http://127.0.0.1:8000/v1
    python data/sample/record_llm.py --check                                 # say what is missing, ask nothing
    python data/sample/record_llm.py --collect                               # write what is known so far, ask nothing

The requests are those of notebook 03 with the values of every preset that replays. The stage clean is built first where
need be. What the recording answers is not asked again; what no preset asks any more is dropped. Answers go to a journal
(runs/recording/work/journal.sqlite) one by one: a run that was stopped goes on. The key, if any, comes from
OPENAI_API_KEY.
"""

import argparse
import sys
from pathlib import Path

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import ROOT, write_jsonl
from rugpt_core.runs.chain import run_chain, stage_of
from rugpt_core.runs.layout import STAGES
from rugpt_core.runs.parameters import chain_parameters, preset_names
from rugpt_core.synthesis.journal import Journal, read_recording, recording_row
from rugpt_core.synthesis.plan import Item, plan_requests
from rugpt_core.synthesis.session import AskSession, Service
from rugpt_core.synthesis.stage import settings

RUN = ROOT / "runs" / "recording"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["local", "openai", "transformers"], default="local")
    parser.add_argument("--base-url", default="", help="of a server with OpenAI's interface")
    parser.add_argument("--concurrency", type=int, default=4, help="requests under way at once (default 4)")
    parser.add_argument(
        "--presets", nargs="*", default=None, help="default: the notebooks' defaults and every preset that replays"
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 where an answer is missing; ask nothing")
    parser.add_argument("--collect", action="store_true", help="write what recording and journal have; ask nothing")
    return parser.parse_args()


def replaying(names: list[str] | None) -> list[dict]:
    """The values of the presets that replay the recording, and of the notebooks themselves."""
    wanted = [""] + preset_names() if names is None else names
    return [p for p in map(chain_parameters, wanted) if p["llm_engine"] == "replay"]


def plan_of(params: dict, answer) -> list[Item]:
    """Everything that notebook 03 asks with these values; the stage clean is built first where it is stale."""
    run_dir = RUN / ("clean-" + Path(params["source"]).name)
    if stage_of("clean", run_dir, params).stale:
        run_chain(["clean"], run_dir, params)
    ask, wanted, _ = settings(params)
    plan = plan_requests(run_dir / STAGES["clean"].folder, params["topics_file"], params["titles_file"], ask, wanted,
        answer)
    answer(plan.articles)
    return plan.items


def check(presets: list[dict], out: Path) -> int:
    known, items = read_recording(out), {}
    for params in presets:
        items |= {i.key: i for i in plan_of(params, lambda some: {i.key: known[i.key] for i in some if i.key in known})}
    missing = [i for i in items.values() if i.key not in known]
    print(f"{out}: {len(items)} requests, {len(missing)} not recorded, {len(known.keys() - items.keys())} no longer "
        f"asked")
    return 1 if missing else 0


def record(args: argparse.Namespace, presets: list[dict], out: Path) -> int:
    items: dict[str, Item] = {}
    known = read_recording(out) if out.exists() else {}
    service = Service(args.engine, base_url=args.base_url, concurrency=args.concurrency)
    for params in presets:
        with AskSession(service, settings(params)[0], RUN / "work") as session:

            def answer(some, session=session):
                for i in some:
                    if i.key in known:
                        session.journal.put(i.request, known[i.key])
                return session.journal.known(i.key for i in some) if args.collect else session.answer(some)

            items |= {i.key: i for i in plan_of(params, answer)}
            lost = session.outcome.reasons
            if lost:
                print(f"without an answer: {', '.join(sorted(set(lost.values())))}; the same command asks again",
                    file=sys.stderr)
    with Journal(RUN / "work" / "journal.sqlite") as journal:
        rows = [recording_row(i.request, a) for i in items.values() if (a := journal.get(i.key))]
    write_jsonl(out, sorted(rows, key=lambda r: r["key"]))
    new = sum(r["key"] not in known for r in rows)
    print(f"{out}: {len(rows)} answers to {len(items)} requests, {new} new, {len(known.keys() - items.keys())} dropped")
    return 0 if len(rows) == len(items) else 1


def main() -> int:
    args = arguments()
    presets = replaying(args.presets)
    if not presets:
        raise RugptError("no preset replays", "--presets")
    out = ROOT / presets[0]["llm_recording"]
    return check(presets, out) if args.check else record(args, presets, out)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RugptError as error:
        sys.exit(str(error))
