"""Training from other starts: a model of a run, of transformers, of nanoGPT; on other text, and on ids that nothing
describes."""
import pickle
import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, rugpt
from test_train import BARE, ENV, finished, make_tokens, reached, started

from rugpt_core.common.files import read_json, read_jsonl, write_json
from rugpt_core.convert.weights import transformers_config, transformers_state
from rugpt_core.modeling.checkpoint import write_tensors
from rugpt_core.modeling.model import ModelConfig, build_model

WORDS = "река озеро гора лес город дорога мост поле берег остров зима лето север юг снег дождь".split()
SETTINGS = ("eval_every=4", "batch_size=4", "grad_accum=1", "threads=1", "device=cpu", "eval_tokens=512")
QUICK, SIXTY = (["--steps", str(n), *(f"--set={s}" for s in SETTINGS)] for n in (8, 60))


def articles(path, seed, n=150):
    """A source of short articles."""
    g = random.Random(seed)
    rows = [dict(title=f"{g.choice(WORDS)} {i}", text=" ".join(g.choices(WORDS, k=60)) + ".") for i in range(n)]
    path.write_text("\n".join(str(r).replace("'", '"') for r in rows), encoding="utf-8")
    return path


def nanogpt_checkpoint(path):
    """A ckpt.pt as nanoGPT's train.py leaves it."""
    config = ModelConfig("gpt2", 66, 32, 1, 2, 0, 32)  # a row to spare, as nanoGPT pads its vocabulary
    state = transformers_state(build_model(config))
    flip = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")
    ours = {k: v.T.contiguous() if k.endswith(flip) else v for k, v in state.items()}
    args = dict(vocab_size=66, block_size=32, n_layer=1, n_head=2, n_embd=32, bias=True)
    torch.save(dict(model=ours | {"lm_head.weight": ours["transformer.wte.weight"]}, model_args=args), path)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A run from text: its ids, its model, and the state of its last step."""
    folder = tmp_path_factory.mktemp("first")
    rugpt("bins", articles(folder/"a.jsonl", 1), "--out", folder/"run/tokens", "--vocab-size", 400, "--val-share", .1,
        check=0)
    rugpt("train", "--run-dir", folder/"run", "--models", "qwen3", "--depth", 1, *QUICK, "--set=n_embd=32",
        "--set=n_head=2", "--set=block_size=32", check=0)
    return folder/"run"


@pytest.fixture(scope="module")
def other(first, tmp_path_factory):
    """Other text in the ids of the first run's tokenizer."""
    folder = tmp_path_factory.mktemp("other")
    rugpt("bins", articles(folder/"b.jsonl", 2), "--out", folder/"run/tokens", "--tokenizer", first, "--val-share", .1,
        check=0)
    return folder/"run"


def copy_tokens(run_dir, target):
    """A new run directory on the same ids."""
    shutil.copytree(run_dir/"tokens", target/"tokens", dirs_exist_ok=True)
    return target


@pytest.mark.parametrize("optimizer", ["fresh", "kept"])
def test_training_goes_on_with_other_text(first, other, tmp_path, optimizer):
    run_dir = copy_tokens(other, tmp_path/"run")
    said = rugpt("train", "--run-dir", run_dir, "--init-from", first, "--init-optimizer", optimizer, *QUICK,
        check=0).stdout
    assert f"{optimizer} optimiser, same tokenizer" in said and str(first/"model/qwen3") in said
    rows, summary = read_jsonl(run_dir/"model/qwen3/log.jsonl"), read_json(run_dir/"model/summary.json")["qwen3"]
    assert rows[0]["start"] == summary["start"]["weights"] and summary["start"]["optimizer"] == optimizer
    assert summary["model"]["n_embd"] == 32 and summary["model"]["block_size"] == 32
    # it knows what words there are
    assert rows[0]["val_loss"] < read_jsonl(first/"model/qwen3/log.jsonl")[0]["val_loss"]


def whole_and_killed(command_for, tmp_path, family="qwen3"):
    """What sixty steps leave, without a kill and with one; `command_for` gives the command for a run directory."""
    files = []
    for name in ("whole", "killed"):
        run_dir = tmp_path/name
        args = command_for(run_dir)
        if name == "killed":
            process = started(args)
            reached(run_dir, 12, process, family)
            process.kill()
            process.communicate()
            assert read_json(run_dir/f"model/{family}/checkpoints/last.json")["step"] < 60
        finished(args)
        files.append([(run_dir/f"model/{family}/{f}").read_bytes() for f in ("model.safetensors", "log.jsonl")])
    return files


@pytest.mark.parametrize("optimizer", ["fresh", "kept"])
def test_kill_9_from_a_start_changes_no_bit(first, other, tmp_path, optimizer):
    whole, killed = whole_and_killed(lambda run_dir: [*BARE, "train", "--run-dir", str(copy_tokens(other, run_dir)),
        "--init-from", str(first), "--init-optimizer", optimizer, *SIXTY], tmp_path)
    assert whole == killed


@pytest.fixture(scope="module")
def starts(first, tmp_path_factory):
    """What else training can start from: a folder of transformers, and nanoGPT's ids with and without its ckpt.pt."""
    folder = tmp_path_factory.mktemp("starts")
    rugpt("export", "--run-dir", first, "--out", folder/"hf", "--formats", "transformers", "--no-check", check=0)
    for split, n in (("train", 3000), ("val", 400)):
        (np.arange(n)*7 % 65).astype("<u2").tofile(folder/f"{split}.bin")
    nanogpt_checkpoint(folder/"ckpt.pt")
    plain = ["--bins", str(folder), "--vocab-size", "65"]
    return dict(transformers=["--init-from", str(folder/"hf")],
        checkpoint=[*plain, "--init-from", str(folder/"ckpt.pt")],
        bins=[*plain, "--depth=1", "--set=n_embd=32", "--set=n_head=2", "--set=block_size=32"])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("start", ["transformers", "checkpoint", "bins"])
def test_kill_9_from_other_starts_changes_no_bit(starts, other, tmp_path, start, dtype):
    def command_for(run_dir):
        where = copy_tokens(other, run_dir) if start == "transformers" else run_dir
        return [*BARE, "train", "--run-dir", str(where), *starts[start], *SIXTY, f"--set=dtype={dtype}"]
    whole, killed = whole_and_killed(command_for, tmp_path, "gpt2" if start == "checkpoint" else "qwen3")
    assert whole == killed


def test_a_folder_of_transformers_with_its_tokenizer(first, other, tmp_path):
    rugpt("export", "--run-dir", first, "--out", tmp_path/"hf", "--formats", "transformers", "--no-check", check=0)
    run_dir = copy_tokens(other, tmp_path/"run")
    said = rugpt("train", "--run-dir", run_dir, "--init-from", tmp_path/"hf", *QUICK, check=0).stdout
    assert "same tokenizer" in said
    tree = read_json(tmp_path/"hf/tokenizer.json")
    vocab = tree["model"]["vocab"]
    a, b = list(vocab)[-2:]
    vocab[a], vocab[b] = vocab[b], vocab[a]
    write_json(tmp_path/"hf/tokenizer.json", tree)
    done = rugpt("train", "--run-dir", run_dir, "--init-from", tmp_path/"hf", "--fresh", *QUICK, check=2)
    assert "another tokenizer: piece" in done.stderr and (run_dir/"model/summary.json").exists()


@pytest.mark.parametrize("more, words", [
    (["--depth", "3"], "contradict each other: the model brings its shape"),
    (["--set=n_embd=64"], "n_embd is 64, that of the model is 32"),
    (["--models", "gpt2"], "holds qwen3, models asks for gpt2"),
    (["--set=optimizer=adamw", "--init-optimizer", "kept"], "the kept optimiser is muon"),
])
def test_what_contradicts_a_start_is_named(first, other, tmp_path, more, words):
    run_dir = copy_tokens(other, tmp_path/"run")
    done = rugpt("train", "--run-dir", run_dir, "--init-from", first, *QUICK, *more, check=2)
    assert words in done.stderr and not (run_dir/"model/qwen3").exists()


def test_plain_bins_of_nanogpt(tmp_path):
    plain = tmp_path/"data"
    plain.mkdir()
    (plain/"meta.pkl").write_bytes(pickle.dumps(dict(vocab_size=70)))
    for split, n in (("train", 6000), ("val", 700)):
        (np.cumsum(np.random.default_rng(0).integers(1, 3, n)) % 65).astype("<u2").tofile(plain/f"{split}.bin")
    start = [*BARE, "train", "--run-dir", str(tmp_path/"run"), "--bins", str(plain), "--depth", "1", "--set=n_embd=32",
             "--set=n_head=2", "--set=block_size=32", "--set=windows=flat", *QUICK]
    refused = subprocess.run(start, cwd=ROOT, env=ENV, capture_output=True, text=True)
    assert refused.returncode == 2 and "meta.pkl is a pickle and is not read" in refused.stderr
    done = finished([*start, "--vocab-size", "65"])
    assert "bits_per_byte" not in done.stdout
    row = read_jsonl(tmp_path/"run/model/qwen3/log.jsonl")[-1]
    assert row["val_bits_per_byte"] is None and row["val_loss"] < np.log(65) + .1
    finished([*start, "--vocab-size", "65", "--bytes-per-token", "1", "--fresh"])
    row = read_jsonl(tmp_path/"run/model/qwen3/log.jsonl")[-1]
    assert abs(row["val_bits_per_byte"] - row["val_loss"]/np.log(2)) < 1e-3
    packed = [s.replace("flat", "documents") for s in start]
    refused = subprocess.run([*packed, "--vocab-size", "65", "--fresh"], cwd=ROOT, env=ENV, capture_output=True,
        text=True)
    assert refused.returncode == 2 and "--bos-id" in refused.stderr and (tmp_path/"run/model/summary.json").exists()


def test_nanogpt_checkpoint_on_plain_bins(tmp_path):
    nanogpt_checkpoint(tmp_path/"ckpt.pt")
    for split, n in (("train", 3000), ("val", 400)):
        (np.arange(n) % 65).astype("<u2").tofile(tmp_path/f"{split}.bin")
    done = finished([*BARE, "train", "--run-dir", str(tmp_path/"run"), "--bins", str(tmp_path), "--vocab-size", "65",
                     "--init-from", str(tmp_path/"ckpt.pt"), *QUICK])
    assert "its tokenizer cannot be compared" in done.stdout
    assert read_json(tmp_path/"run/model/summary.json")["gpt2"]["model"]["vocab_size"] == 66


def test_a_foreign_tokenizer_is_refused_before_training(tmp_path):
    run_dir = make_tokens(tmp_path/"run")
    config = ModelConfig("qwen3", 3000, 32, 1, 2, 1, 32)
    folder = tmp_path/"hf"
    folder.mkdir()
    write_json(folder/"config.json", transformers_config(config))
    write_tensors(folder/"model.safetensors", transformers_state(build_model(config)))
    for tokenizer, words in ((None, "its tokenizer is not there"), ("t0", "piece 't0'")):
        if tokenizer:
            tree = read_json(Path(run_dir)/"tokens/tokenizer/tokenizer.json")
            tree["model"]["vocab"] = {("x" if k == tokenizer else k): v for k, v in tree["model"]["vocab"].items()}
            write_json(folder/"tokenizer.json", tree)
        args = [*BARE, "train", "--run-dir", str(run_dir), "--init-from", str(folder), *QUICK]
        done = subprocess.run(args, cwd=ROOT, env=ENV, capture_output=True, text=True)
        assert done.returncode == 2 and words in done.stderr, done.stderr
    assert not (run_dir/"model").exists()
