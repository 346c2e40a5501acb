"""Greedy continuations of an exported model by ours, transformers and llama.cpp: do they agree, token by token?

    python benchmarks/export.py                # models of a run; writes benchmarks/results/export.json
    python benchmarks/export.py --published    # the published model; writes benchmarks/results/export_published.json

20 openings and titles of held-out articles, or the study's prompts, 64 tokens each. Where a text differs, the first
place is named with the margin between the two likeliest logits there. A margin under 0.01 is a tie, which rounding
decides; ties are counted.
"""
import argparse
import itertools
import platform
import tempfile
from datetime import date
from pathlib import Path

import torch

from rugpt_core.common.environment import versions
from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import ROOT, resolve_run_dir, write_json
from rugpt_core.common.progress import progress
from rugpt_core.convert.gguf import llama_greedy, open_llama, write_gguf
from rugpt_core.convert.published import open_published, published_folder
from rugpt_core.convert.stage import export_run
from rugpt_core.generation.engine import generate
from rugpt_core.generation.stage import held_out_documents, run_model
from rugpt_core.runs.chain import run_command
from rugpt_core.runs.layout import STAGES
from rugpt_core.study.flagship import study_prompts
from rugpt_core.tokenization.bins import open_bins


def prompts_of(docs: list[dict], n: int) -> list[list[int]]:
    """Openings of two lengths of every article in turn, until there are n."""
    found = [list(d["ids"][:k]) for k in (24, 9, 4) for d in docs if len(d["ids"]) > k]
    return found[:n]


@torch.inference_mode()
def by_transformers(folder: Path, prompts, new: int) -> list[tuple[list[int], list[float]]]:
    """Token by token over transformers' own cache; margins between the two likeliest logits."""
    from transformers import AutoModelForCausalLM
    model, out = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval(), []
    for prompt in progress(prompts, "transformers"):
        ids = torch.tensor([prompt])
        r = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=new, do_sample=False,
            eos_token_id=None, output_logits=True, return_dict_in_generate=True)
        top = torch.cat(r.logits).topk(2).values
        out.append((r.sequences[0, len(prompt):].tolist(), (top[:, 0] - top[:, 1]).tolist()))
    return out


def by_llama(path: Path, prompts, new: int, n_ctx: int) -> list[tuple[list[int], list[float]]]:
    """By llama.cpp, keys and values in float32."""
    llm = open_llama(path, n_ctx)
    try:
        return [llama_greedy(llm, p, new) for p in progress(prompts, f"llama.cpp {path.stem}")]
    finally:
        llm.close()


TIE = 0.01  # logits between the two likeliest tokens; below, rounding decides


def agreement(work: str, who: str, ours: list[list[int]], theirs: list[tuple[list[int], list[float]]]) -> dict:
    """Texts that agree whole; where one does not, at which token, by what margin, and whether that is a tie."""
    differ = []
    for n, (a, (b, margins)) in enumerate(zip(ours, theirs, strict=True)):
        at = next((k for k, (x, y) in enumerate(zip(a, b, strict=True)) if x != y), None)
        if at is not None:
            differ.append(dict(prompt=n, token=at, margin=round(margins[at], 6), tie=margins[at] < TIE))
    same, ties = len(ours) - len(differ), sum(d["tie"] for d in differ)
    print(f"{work}, {who}: {same} of {len(ours)} the same, {ties} part at a tie, {len(differ) - ties} elsewhere"
          f"{': ' if differ else ''}{differ or ''}", flush=True)
    return dict(work=work, who=who, metric="greedy texts the same as ours", unit=f"texts of {len(ours)}", median=same,
                min=same, max=same, runs=1, ratio_to="rugpt float32", ratio=None, ties=ties, differences=differ)


def published_rows(count: int, tokens: int) -> list[dict]:
    """The published folder as transformers reads it, its GGUF, and GGUF files of its weights unchanged."""
    folder = published_folder()
    checkpoint, tokenizer = open_published(folder)
    model, size = checkpoint.model, checkpoint.model.config.block_size
    cut = [line[:k] for k in (None, 5, 3) for line in study_prompts()]  # the study's prompts, then beginnings of them
    prompts = [tokenizer.encode(text) for text in itertools.islice(dict.fromkeys(cut), count)]
    prompts = [[tokenizer.bos_id, *ids] for ids in prompts]
    ours = [r.ids for r in generate(model, tokenizer, prompts, max_new_tokens=tokens, stop_id=-1)]
    work = f"{folder.name}, {len(prompts)} prompts, {tokens} tokens"
    rows = [agreement(work, "transformers float32", ours, by_transformers(folder, prompts, tokens))]
    with tempfile.TemporaryDirectory() as tmp:
        whole = Path(tmp)/f"{folder.name}-f32.gguf"
        write_gguf(model, tokenizer, whole, "f32", name=folder.name, licence=checkpoint.about["licence"])
        for path in (whole, *sorted(folder.glob("*.gguf"))):
            kind = path.stem.rsplit("-", 1)[1]
            rows.append(agreement(work, f"llama.cpp {kind}", ours, by_llama(path, prompts, tokens, size)))
    return rows


def write_rows(path: Path, rows: list[dict]):
    import llama_cpp
    known = versions() | {"llama_cpp": llama_cpp.__version__}
    machine = f"{platform.machine()}, {platform.system()}"
    write_json(path, dict(machine=machine, versions=known, date=date.today().isoformat(), rows=rows))
    print(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--published", action="store_true", help="the published model in place of a run's")
    parser.add_argument("--run-dir", default=str(ROOT/"runs/demo"),
                        help="a run with trained models; the demo is trained where there is none")
    parser.add_argument("--prompts", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    if args.published:
        return write_rows(ROOT/"benchmarks/results/export_published.json", published_rows(args.prompts, args.tokens))
    run_dir, rows = resolve_run_dir(args.run_dir), []
    if not (run_dir/"model/summary.json").is_file():
        run_command(["run", "--preset", "demo", "--until", "train", "--run-dir", str(run_dir)])
    docs = held_out_documents(open_bins(run_dir/STAGES["tokenize"].folder))
    for family in ("gpt2", "qwen3"):
        try:
            _, model, tokenizer = run_model(run_dir, family)
        except RugptError as e:
            print(e)
            continue
        size = model.config.block_size
        new, prompts = min(args.tokens, size - 24), prompts_of(docs, args.prompts)
        ours = [r.ids for r in generate(model, tokenizer, prompts, max_new_tokens=new, stop_id=-1)]
        work = f"{family}, {tokenizer.name} of {tokenizer.vocab_size:,} pieces, {len(prompts)} prompts, {new} tokens"
        with tempfile.TemporaryDirectory() as tmp:
            folder = export_run(run_dir, family, Path(tmp)/family, ("transformers", "f32", "f16", "q8_0"))
            rows.append(agreement(work, "transformers float32", ours, by_transformers(folder, prompts, new)))
            for kind in ("f32", "f16", "q8_0"):
                theirs = by_llama(folder/f"rugpt-{family}-{kind}.gguf", prompts, new, size)
                rows.append(agreement(work, f"llama.cpp {kind}", ours, theirs))
    write_rows(ROOT/"benchmarks/results/export.json", rows)


if __name__ == "__main__":
    try:
        main()
    except RugptError as e:
        raise SystemExit(str(e)) from None
