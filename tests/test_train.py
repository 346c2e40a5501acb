"""Training as a person meets it: killed, asked to stop, shared by processes, gone wrong, and on a bare host."""
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from conftest import ROOT

from rugpt_core.common.devices import has_bfloat16
from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import file_digest, json_digest, read_json, read_jsonl
from rugpt_core.modeling.checkpoint import load_model, load_state
from rugpt_core.tokenization.bins import BINS_SCHEMA, READS, open_bins
from rugpt_core.training import trainer
from rugpt_core.training.compiling import compiler_lacks
from rugpt_core.training.config import resolve_settings
from rugpt_core.training.stage import adopt_model, train_run, untracked_model
from rugpt_core.training.trainer import Run, train_model

HEAVY = "pandas pyarrow transformers datasets tokenizers matplotlib tensorboard yaml doit papermill openai".split()
BARE = [sys.executable, "-c",
        f"import sys\nfor n in {HEAVY}: sys.modules[n] = None\nfrom rugpt_core.cli.main import main; main()"]
SMALL = ["--depth=1"] + [f"--set={s}"
    for s in ("n_embd=32", "n_head=2", "block_size=32", "batch_size=4", "grad_accum=1", "threads=1", "eval_tokens=256",
    "dropout=0.1", "device=cpu")]
ENV = os.environ | dict(PYTHONPATH=str(ROOT), OMP_NUM_THREADS="1")


def make_tokens(run_dir, vocab=3000, n=6000, val=800, balanced=False):
    """A tokens folder of documents with a rule; its tokenizer is never used, only checked."""
    out, g = run_dir/"tokens", np.random.default_rng(0)
    (out/"tokenizer").mkdir(parents=True)
    toy = json.dumps(dict(model=dict(vocab={f"t{i}": i for i in range(vocab)}), added_tokens=[]))
    (out/"tokenizer/tokenizer.json").write_text(toy)
    splits = {}
    for split, size in (("train", n), ("val", val)):
        ids = (np.cumsum(g.integers(1, 3, size)) % 200 + 1).astype("<u2")
        ids[::100] = 0
        (out/f"{split}.bin").write_bytes(ids.tobytes())
        offsets = out/f"{split}.offsets.npy"
        np.save(offsets, np.append(np.flatnonzero(ids == 0), size))
        splits[split] = dict(tokens=size, documents=int((ids == 0).sum()), bytes=4*size, chars=2*size,
                             sha256=hashlib.sha256(ids.tobytes()).hexdigest(), offsets_sha256=file_digest(offsets))
    if balanced:
        np.save(out/READS, np.resize([.3, 1., 2.2, .5], splits["train"]["documents"]))
        splits["train"]["reads_sha256"] = file_digest(out/READS)
    meta = dict(schema=BINS_SCHEMA, dtype="uint16", vocab_size=vocab, bos_id=0, splits=splits,
                tokenizer=dict(name="toy", digest=hashlib.sha256(toy.encode()).hexdigest()))
    (out/"meta.json").write_text(json.dumps(meta | dict(digest=json_digest(meta))))
    return run_dir


def command(run_dir, *more, start=BARE):
    taken = {w.removeprefix("--set=").split("=")[0] for w in more if w.startswith("--set=")}
    settings = [s for s in SMALL if s.removeprefix("--set=").split("=")[0] not in taken]
    return [*start, "train", "--run-dir", str(run_dir), *settings, *more]


def started(args):
    return subprocess.Popen(args, cwd=ROOT, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(args):
    done = subprocess.run(args, cwd=ROOT, env=ENV, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done


def reached(run_dir, step, process, family="qwen3"):
    """Wait until a state of that step or a later one is stored."""
    last = run_dir/f"model/{family}/checkpoints/last.json"
    for _ in range(6000):
        if last.exists() and json.loads(last.read_text())["step"] >= step:
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(.01)
    raise AssertionError("no state in a minute")


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """One run that nobody disturbs, on a host without the heavy libraries."""
    run_dir = make_tokens(tmp_path_factory.mktemp("whole"))
    done = finished(command(run_dir, "--steps", "120", "--set", "eval_every=10"))
    assert "loss: in chunks of rows" in done.stdout
    return run_dir


def test_a_finished_family_has_its_log_again(tmp_path):
    """The chain is killed while the second family trains: the first one is not trained again, its log is there."""
    bins = open_bins(make_tokens(tmp_path)/"tokens")
    config, t = resolve_settings("qwen3", bins.vocab_size, len(bins.train), 32, 1, 0., n_embd=32, n_head=2,
        batch_size=2, grad_accum=1, max_steps=6, eval_every=3, eval_tokens=256, threads=1, device="cpu")
    found = []
    for name in ("one", "two"): # the second has the states of the first, and nothing else
        (tmp_path/name).mkdir()
        summary = train_model(bins, config, t, tmp_path/name, tmp_path/"state")
        kept = ("log.jsonl", "model.safetensors", "config.json")
        found.append([summary["weights"], *((tmp_path/name/f).read_bytes() for f in kept)])
    assert found[0] == found[1] and len(read_jsonl(tmp_path/"two/log.jsonl")) == 3


def test_kill_9_changes_no_bit(whole, tmp_path):
    run_dir = make_tokens(tmp_path)
    args = command(run_dir, "--steps", "120", "--set", "eval_every=10")
    process = started(args)
    reached(run_dir, 20, process)
    process.kill()
    process.communicate()
    stored = read_json(run_dir/"model/qwen3/checkpoints/last.json")["step"]
    assert stored < 120 and not (run_dir/"model/summary.json").exists()
    process = started(args)
    assert f"going on from step {stored}" in process.communicate()[0] and process.returncode == 0
    for name in ("model/qwen3/model.safetensors", "model/qwen3/log.jsonl", "model/qwen3/config.json",
            "model/summary.json",
                 *(f"model/qwen3/checkpoints/step-00000120/{x}.safetensors" for x in ("model", "optimizer"))):
        assert (run_dir/name).read_bytes() == (whole/name).read_bytes(), name


@pytest.mark.slow
@pytest.mark.skipif(compiler_lacks("cpu") != "", reason=f"torch.compile: {compiler_lacks('cpu')}")
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_kill_9_of_a_compiled_run_changes_no_bit(dtype, tmp_path):
    """A run that was begun with compiled blocks goes on with them, although auto would not compile so short a one."""
    settings = ("--steps", "60", "--set=eval_every=10", "--set=dropout=0", f"--set=dtype={dtype}")
    undisturbed, killed = (make_tokens(tmp_path/name) for name in ("one", "two"))
    assert "blocks compiled in" in finished(command(undisturbed, *settings, "--set=compile=always")).stdout
    process = started(command(killed, *settings, "--set=compile=always"))
    reached(killed, 20, process)
    process.kill()
    process.communicate()
    again = finished(command(killed, *settings, "--set=compile=auto")).stdout
    assert "(as the run began); going on from step" in again
    for part in ("model/qwen3/model.safetensors", "model/qwen3/checkpoints/step-00000060/optimizer.safetensors"):
        assert (undisturbed/part).read_bytes() == (killed/part).read_bytes(), part


@pytest.mark.parametrize("windows", ["flat", "documents"])
def test_kill_9_of_a_balanced_run_changes_no_bit(windows, tmp_path):
    """Documents are read as often as their weights say, over several epochs, in the same order after a kill."""
    settings = ("--steps", "60", "--set", "eval_every=10", "--set", f"windows={windows}")
    undisturbed, killed, flat = (make_tokens(tmp_path/name, balanced=name != "flat") for name in ("one", "two", "flat"))
    for run_dir in (undisturbed, flat):
        finished(command(run_dir, *settings))
    process = started(command(killed, *settings))
    reached(killed, 20, process)
    process.kill()
    process.communicate()
    stored = read_json(killed/"model/qwen3/checkpoints/last.json")["step"]
    assert stored < 60
    assert f"going on from step {stored}" in finished(command(killed, *settings)).stdout
    about = load_state(undisturbed/"model/qwen3/checkpoints")[1]
    assert about["epoch"] >= 1  # the order of a later epoch is found again too
    for name in ("model.safetensors", "log.jsonl", "checkpoints/step-00000060/optimizer.safetensors"):
        assert (undisturbed/"model/qwen3"/name).read_bytes() == (killed/"model/qwen3"/name).read_bytes(), name
    assert (flat/"model/qwen3/model.safetensors").read_bytes() != (killed/"model/qwen3/model.safetensors").read_bytes()


def test_other_weights_are_another_run(tmp_path):
    run_dir = make_tokens(tmp_path, balanced=True)
    finished(command(run_dir, "--steps", "10"))
    meta = read_json(run_dir/"tokens/meta.json")
    np.save(run_dir/"tokens"/READS, np.ones(meta["splits"]["train"]["documents"]))
    meta["splits"]["train"]["reads_sha256"] = file_digest(run_dir/"tokens"/READS)
    meta["digest"] = json_digest({k: v for k, v in meta.items() if k != "digest"})
    (run_dir/"tokens/meta.json").write_text(json.dumps(meta))
    done = subprocess.run(command(run_dir, "--steps", "20"), cwd=ROOT, env=ENV, capture_output=True, text=True,
        timeout=300)
    assert done.returncode == 2 and "it differs in the text" in done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_save_and_leave(number, tmp_path):
    run_dir = make_tokens(tmp_path)
    process = started(command(run_dir, "--steps", "5000", "--set", "eval_every=1000", "--set", "save_every=50"))
    reached(run_dir, 50, process)
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "the same command goes on from here" in said
    about = load_state(run_dir/"model/qwen3/checkpoints")[1]
    assert about["step"] >= 50 and about["taken"] + about["epoch"]*10**6 > 0


def test_the_group_of_processes_is_left_before_python_ends(tmp_path):
    """Threads of gloo that live until then abort a process now and then."""
    (tmp_path/"sums.py").write_text("""import atexit, torch
atexit.register(lambda: print("still in it", torch.distributed.is_initialized()))  # runs after those registered later
from rugpt_core.common.devices import DistributedContext
print("sum", DistributedContext(torch.device("cpu")).total(1.5)[0])
""")
    done = finished([sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(tmp_path/"sums.py")])
    assert done.stdout.count("sum 3.0") == done.stdout.count("still in it False") == 2, done.stdout


@pytest.mark.parametrize("optimizer, apart", [("adamw", 1e-4), ("muon", 2e-3 if has_bfloat16("cpu") else 1e-4)])
def test_two_processes_are_one(optimizer, apart, whole, tmp_path):
    """The loss curve of two gloo processes under torchrun is that of a single one (float32, no dropout, which is drawn
    apart).

    Muon multiplies in bfloat16 where the hardware does, and so makes more of gradients that are summed in another
    order."""
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "rugpt_core"]
    curves = []
    for start, name in ((torchrun, "two"), (BARE, "one")):
        run_dir = make_tokens(tmp_path/name)
        more = [f"--set={s}" for s in ("eval_every=5", "dropout=0", "windows=documents", "dtype=float32",
                                      f"optimizer={optimizer}")]
        done = finished(command(run_dir, "--steps", "20", *more, start=start))
        curves.append([(r["val_loss"], r["loss"] or 0) for r in read_jsonl(run_dir/"model/qwen3/log.jsonl")])
        assert ("2 processes" in done.stdout) == (name == "two")
    assert np.abs(np.array(curves[0]) - np.array(curves[1])).max() < apart


def plan(run_dir, **settings):
    bins = open_bins(run_dir/"tokens")
    given = dict(n_embd=32, n_head=2, batch_size=4, grad_accum=1, max_steps=40, eval_every=10, eval_tokens=256,
        threads=1)
    return bins, *resolve_settings("qwen3", bins.vocab_size, len(bins.train), 32, 1,
        **given | dict(device="cpu") | settings)


def test_a_step_gone_wrong_goes_back(tmp_path, monkeypatch, capsys):
    bins, config, t = plan(make_tokens(tmp_path))
    bad, step = [(16, float("nan")), (36, 1e4)], Run.train_step

    def poisoned(run):
        loss, norm = step(run)
        if bad and run.step == bad[0][0]:
            loss = bad.pop(0)[1]
            run.model.embedding.weight.grad.fill_(float("nan"))
        return loss, norm
    monkeypatch.setattr(Run, "train_step", poisoned)
    found = train_model(bins, config, t, tmp_path)
    said = capsys.readouterr().out
    assert (
        "not a finite number at step 17: back to step 10" in said and "is a spike at step 37: back to step 30" in said
    )
    assert found["returns"] == 2 and found["steps"] == 40 and found["best"]["val_loss"] < 8
    state, about = load_state(tmp_path/"checkpoints")
    assert about["halved"] == .25 and all(w.isfinite().all() for w in state["model"].values())


def test_a_time_budget_is_kept(tmp_path):
    bins, config, t = plan(make_tokens(tmp_path), max_steps=10**6, eval_every=10**6, minutes=2/60)
    start = time.monotonic()
    found = train_model(bins, config, t, tmp_path)
    assert 1.5 < time.monotonic() - start < 15 and 0 < found["steps"] < 10**6
    assert read_jsonl(tmp_path/"log.jsonl")[-1]["lr"] < .3*t.learning_rate  # the schedule ends with the time


def test_patience_ends_a_run(tmp_path):
    bins, config, t = plan(make_tokens(tmp_path), max_steps=400, patience=2, learning_rate=1e-9, matrix_rate=.5,
        eval_every=5)
    assert train_model(bins, config, t, tmp_path)["steps"] < 400


def test_states_that_do_not_fit_are_named(whole, tmp_path):
    run_dir = tmp_path/"copy"
    shutil.copytree(whole, run_dir)
    settings = dict(depth=1, n_embd=32, n_head=2, block_size=32, batch_size=4, grad_accum=1, threads=1, eval_tokens=256,
                    dropout=.1, device="cpu", max_steps=130, eval_every=10)
    with pytest.raises(RugptError, match=r"another run: it differs in model.d_ff .*model.n_embd \(32 there\)"):
        train_run(run_dir, ["qwen3"], **settings | dict(n_embd=64))
    file = run_dir/"model/qwen3/checkpoints/step-00000120/model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(RugptError, match="step-00000120: the state's part model.safetensors is damaged"):
        train_run(run_dir, ["qwen3"], **settings)
    with pytest.raises(RugptError, match="trained on other ids"):
        adopt_model(untracked_model(run_dir), make_tokens(tmp_path/"other", n=7000)/"tokens", tmp_path/"out")
    assert adopt_model(untracked_model(run_dir), run_dir/"tokens", tmp_path/"out")["steps"] == 120
    assert load_model(tmp_path/"out/qwen3").config.n_embd == 32 and not (tmp_path/"out/qwen3/checkpoints").exists()


def test_two_trainings_do_not_share_a_directory(tmp_path):
    run_dir = make_tokens(tmp_path)
    process = started(command(run_dir, "--steps", "5000", "--set", "eval_every=1000", "--set", "save_every=20"))
    reached(run_dir, 20, process)
    second = command(run_dir, "--steps", "20", "--set", "seed=7")
    other = subprocess.run(second, cwd=ROOT, env=ENV, capture_output=True, text=True)
    assert other.returncode == 2 and f"another process is training (process {process.pid}) here" in other.stderr
    process.kill()
    process.communicate()
    finished(command(run_dir, "--steps", "20", "--fresh"))  # the lock went with the process


@pytest.mark.parametrize("wrong, words", [
    (["--models", "gpt2,llama"], "unknown family 'llama'"), (["--models", "gpt2,gpt2"], "Name each family once"),
    (["--set", "schedule=linear"], "unknown schedule"), (["--set", "loss_way=cce"], "not to be had here"),
    (["--set=block_size=7000"], "block_size 7000 is longer than the 6000 tokens"), (["--set=device=cuda:7"], "no cuda"),
    (["--set=n_embd=33"], "n_embd 33 is not a multiple of n_head 2"), (["--set", "warmup_steps=5000"], "does not fit"),
])
def test_fresh_deletes_nothing_before_every_setting_is_checked(whole, tmp_path, wrong, words):
    if "cuda" in words and torch.cuda.is_available():
        pytest.skip("this machine has the device")
    run_dir = tmp_path/"copy"
    shutil.copytree(whole, run_dir)
    before = {p: p.read_bytes() for p in (run_dir/"model").rglob("*") if p.is_file()}
    done = subprocess.run(command(run_dir, "--fresh", "--steps", "20", *wrong), cwd=ROOT, env=ENV, capture_output=True,
        text=True)
    assert done.returncode == 2 and words in done.stderr, done.stderr
    assert {p: p.read_bytes() for p in (run_dir/"model").rglob("*") if p.is_file()} == before


def test_memory_that_runs_out_is_explained(tmp_path, monkeypatch):
    bins, config, t = plan(make_tokens(tmp_path))
    monkeypatch.setattr(trainer, "build_model", lambda *_: torch.empty(2**60))
    advice = ("memory ran out. Any of these takes less: batch_size=2 with grad_accum=2 .*block_size=16 "
        ".*checkpointing=true")
    with pytest.raises(RugptError, match=advice):
        train_model(bins, config, t, tmp_path)
