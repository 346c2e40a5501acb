"""Every preset with its size parameters at their smallest: the chain ends, every page is there, undefined is said."""

import pytest
from conftest import rugpt

SMALL = dict(limit=12, max_steps=1, eval_every=1, n_prompts=1, max_new_tokens=2, block_size=16, bootstrap_samples=100)
LEAST = dict(prompt_tokens=1, max_new_tokens=1, n_topic_articles=0, n_rewrites=0, batch_size=1)
CASES = {
    "smoke": SMALL
    | LEAST
    | dict(vocab_size=300, n_layer=1, n_head=1, n_embd=8, block_size=8, compared="[]", strategies="[greedy]",
           models="[gpt2]", compare_with="[]", language_tools="false"),
    "own": SMALL | dict(limit=3, val_share=0.5),
    "demo": SMALL
    | dict(limit=40, n_topic_articles=1, n_rewrites=1, n_outlines=1, sample_articles=2, vocab_size=300,
           compare_with="[bpe]"),
    "gemma": SMALL | LEAST | dict(n_layer=1, n_head=1, n_kv_head=1, n_embd=2, block_size=1, warmup_steps=0),
    "wiki40b": SMALL | LEAST | dict(vocab_size=300, depth=1, block_size=8, grad_accum=1, val_share=0.5, n_outlines=0),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("preset", CASES)
def test_the_smallest_run_of_a_preset_ends_well(tmp_path, preset):
    settings = [x for name, value in CASES[preset].items() for x in ("--set", f"{name}={value}")]
    source = ["--source", "data/sample/wiki40b_ru.jsonl"] if preset in ("own", "wiki40b") else []  # no hub here
    done = rugpt("run", "--preset", preset, "--run-dir", tmp_path / "run", *source, *settings, check=0)
    assert "its page is not" not in done.stdout and "Traceback" not in done.stdout + done.stderr
    assert len(list((tmp_path / "run/report/notebooks").glob("*.html"))) == 8
