"""Kinds of mistakes and of broken surroundings, in many shapes: one line, exit code 2, nothing written elsewhere."""

import fcntl
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from conftest import ROOT, RUGPT, rugpt
from test_generate import command as exit_code
from test_generate import refused

from rugpt_core.common.stopping import STOPPED
from rugpt_core.runs.parameters import read_run, write_run

SAMPLE = ROOT / "data/sample/wiki40b_ru.jsonl"
LONG = "x" * 300


@pytest.mark.parametrize(
    "value", [".nan", ".inf", "-.inf", "1e999", "9" * 30, "1" * 5000, "nan", "[1]", "null", "1 2", "{a: b}"]
)
@pytest.mark.parametrize("name", ["learning_rate", "val_share", "max_cost", "limit", "vocab_size", "seed"])
def test_numbers_that_no_computation_can_use(capsys, tmp_path, name, value):
    refused(
        capsys,
        [name if len(value) < 100 else "--set"],
        "run",
        "--preset",
        "smoke",
        "--run-dir",
        tmp_path / "r",
        "--set",
        f"{name}={value}",
    )
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    "args",
    [
        ["plan", "--corpus", "1GB", "--hours", "inf"],
        ["plan", "--corpus", "nanGB"],
        ["plan", "--corpus", "1e999GB"],
        ["plan", "--corpus", "1GB", "--memory", "-1GB"],
        ["planted", "--seed", "-1"],
        ["generate", "--seed", "1e3"],
        ["generate", "--temperature", "nan"],
        ["generate", "--max-tokens", "9" * 30],
        ["train", "--run-dir", "r", "--minutes", "-inf"],
        ["run", "--depth", "1.5"],
        ["run", "--max-cost", "nan"],
        ["bins", "x.jsonl", "--out", "b", "--val-share", "nan"],
        ["run", "--until", "nowhere"],
        ["nothing"],
        [],
        ["run", "--no-such-option"],
    ],
    ids=" ".join,
)
def test_options_that_make_no_sense(capsys, args):
    refused(capsys, [], *args)


@pytest.mark.parametrize(
    "args, meant",
    [
        (["run", "articles.jsonl"], "--source articles.jsonl?"),
        (["run", "demo"], "--preset demo?"),
        (["run", "--source", "a.jsonl", "b.jsonl"], "For several files"),
        (["run", "--source", "a.jsonl", "--source", "b.jsonl"], "--source is given twice"),
        (["run", "--preset", "smoke", "--preset", "demo"], "--preset is given twice"),
        (["run", "--limit", "9"], "--set limit=9?"),
        (["run", "--set", "limit", "9"], "--set limit=9?"),
        (["run", "--sorce", "a.jsonl"], "--source?"),
        (["generate", "Река"], "--prompt 'Река'?"),
        (["--preset", "demo", "run"], "The command stands first"),
        (["genrate"], "Did you mean generate?"),
        (["run", "--set", "dropout=0,1"], "Write it as 0.1"),
        (["run", "--set", "off_rules=[stress"], "write a list in quotes".capitalize()),
    ],
    ids=lambda x: " ".join(x) if isinstance(x, list) else "",
)
def test_what_may_have_been_meant_is_said(capsys, args, meant):
    refused(capsys, [meant], *args)


PRESETS = {
    "a number as a name": b"1: 2\n",
    "null as a name": b"null: 2\n",
    "true as a name": b"true: 1\n",
    "a pair": b"? [a, b]\n: 1\n",
    "a list": b"- a\n",
    "a text": b"hello",
    "not a number": b"learning_rate: .nan\n",
    "no UTF-8": b"\xff\xfe\0",
    "brackets without end": b"a: " + b"[" * 3000,
    "a tag": b"a: !!python/object:os.system {}\n",
    "a date": b"limit: 2020-01-01\n",
    "an hour": b"limit: 1:30\n",
    "a NUL": b'source: "a\\0b"\n',
    "half a character": b'source: "\\uD800"\n',
    "a list of lists": b"off_rules: [[a]]\n",
    "a long number": b"limit: " + b"1" * 5000 + b"\n",
    "an unknown name": b"vocab_sise: 4\n",
    "a name twice": b"seed: 1\nlimit: 3\nseed: 1\n",
    "a name twice in one line": b"{seed: 1, seed: 2}\n",
    "a value out of range": b"minutes: -1\n",
    "an unknown word": b"tokenizer: gpt4\n",
}


@pytest.mark.parametrize("kind", PRESETS)
def test_presets_that_are_none(capsys, tmp_path, kind):
    (tmp_path / "p.yml").write_bytes(PRESETS[kind])
    refused(capsys, ["p.yml"], "run", "--preset", tmp_path / "p.yml", "--run-dir", tmp_path / "r")
    assert not (tmp_path / "r").exists()


def commands_that_write(run_dir):
    yield "generate", ["generate", "--run-dir", run_dir, "--prompt", "а", "--max-tokens", "2"], False
    yield "export", ["export", "--run-dir", run_dir], True
    yield "import", ["import", run_dir / "model/gpt2"], True
    yield "bins", ["bins", SAMPLE], True
    yield "analyze", ["analyze", "--run-dir", run_dir], True
    yield "planted", ["planted"], False
    yield "rate", ["rate", "--run-dir", run_dir], True


@pytest.mark.parametrize(
    "place", ["/proc/x", "/dev/full", "LOOP", "PIPE", "FILE/x", f"DIR/{LONG}", "FILE or DIR", "MISSING/x"]
)
def test_results_go_only_where_they_can_be_written(chain, capsys, tmp_path, place):
    (tmp_path / "DIR").mkdir()
    (tmp_path / "FILE").write_text("mine")
    (tmp_path / "LOOP").symlink_to(tmp_path / "LOOP")
    os.mkfifo(tmp_path / "PIPE")
    for name, command, folder in commands_that_write(chain[0]):
        out = place if place.startswith("/") else tmp_path / place
        if place == "FILE or DIR":
            out = tmp_path / ("FILE" if folder else "DIR")
        if place == "MISSING/x" and folder:
            continue  # a folder is made with those above it
        refused(capsys, [], *command, "--out", out)
        assert sorted(p.name for p in tmp_path.iterdir()) == ["DIR", "FILE", "LOOP", "PIPE"], name
        assert (tmp_path / "FILE").read_text() == "mine" and not list((tmp_path / "DIR").iterdir()), name


@pytest.mark.parametrize("name", ["../../x", "a/b", "/etc/x", ".hidden", LONG, "a\nb", "a\u202eb", "-x", ""])
def test_names_lead_nowhere(chain, capsys, tmp_path, name):
    if name:
        refused(capsys, ["is no name"], "export", "--run-dir", chain[0], "--out", tmp_path / "e", f"--name={name}")
        refused(capsys, ["is no name"], "rate", "--run-dir", chain[0], "--out", tmp_path / "e", f"--reader={name}")
        refused(capsys, ["is no name"], "rate", "--run-dir", chain[0], "--out", tmp_path / "e", f"--set={name}")
    said = "longer than a file system allows" if name == LONG else "no model"
    refused(capsys, [said], "generate", "--run-dir", chain[0], "--prompt", "а", f"--model={name or '..'}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
def test_pipes_and_devices_are_not_waited_for(chain, capsys, tmp_path, kind):
    def place(suffix):
        path = tmp_path / f"p{suffix}"
        if not os.path.lexists(path):
            os.mkfifo(path) if kind == "a pipe" else path.symlink_to("/dev/zero")
        return path

    run = ["--run-dir", chain[0]]
    for command in (
        ["run", "--source", place(".jsonl"), "--run-dir", tmp_path / "r", "--until", "explore"],
        ["run", "--preset", place(".yml")],
        ["clean", place(".jsonl")],
        ["judge", place(".jsonl")],
        ["generate", *run, "--file", place("")],
        ["generate", *run, "--file", place(".jsonl")],
        ["generate", "--checkpoint", place(""), "--prompt", "а"],
        ["bins", place(".jsonl"), "--out", tmp_path / "b"],
        ["import", place(""), "--out", tmp_path / "i"],
        ["rate", "--generations", place("")],
        ["serve", "--export", place("")],
    ):
        if command[0] != "run" or "--source" not in command:  # a stage has a process of its own: one is enough
            refused(capsys, [], *command)
        elif kind == "a pipe":
            assert rugpt(*command, timeout=120).returncode == 2


JSON = ["{}", "[]", "null", "1", '"x"', '{"params": []}', "[[[[", "", '{"a": NaN}', "1" * 5000]


@pytest.mark.parametrize("text", JSON, ids=lambda t: t[:12])
def test_files_of_json_that_hold_something_else(chain, capsys, tmp_path, text):
    run = tmp_path / "run"
    for name in ("tokens", "model", "run.json"):
        (shutil.copytree if (chain[0] / name).is_dir() else shutil.copy)(
            chain[0] / name, run / name
        ) if run.exists() else (run.mkdir(), shutil.copytree(chain[0] / name, run / name))
    shutil.rmtree(run / "model/gpt2")
    generate = ["generate", "--run-dir", run, "--prompt", "а", "--max-tokens", "1", "--model", "qwen3"]
    for name, command in (
        ("model/summary.json", generate),
        ("model/qwen3/config.json", generate),
        ("tokens/tokenizer/tokenizer.json", generate),
        ("tokens/meta.json", ["train", "--run-dir", run, "--fresh", "--steps", "1"]),
        ("run.json", ["train", "--run-dir", run, "--fresh", "--steps", "1"]),
    ):
        if name.endswith("run.json") and text == '{"params": {}}':
            continue
        kept = (run / name).read_bytes()
        (run / name).write_text(text)
        refused(capsys, [], *command)
        (run / name).write_bytes(kept)
    (tmp_path / "sheet").mkdir()
    (tmp_path / "sheet/pairs.json").write_text(text)
    refused(capsys, ["pairs.json"], "rate", "--run-dir", chain[0], "--out", tmp_path / "sheet", "--results")


@pytest.mark.parametrize("folder", ["clean", "model", "report"])
def test_a_stage_that_is_a_link_is_refused_before_anything_runs(chain, capsys, tmp_path, folder):
    (tmp_path / "r").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "r" / folder).symlink_to(tmp_path / "elsewhere")
    refused(capsys, ["may not be a link", folder], "run", "--preset", "smoke", "--run-dir", tmp_path / "r")
    assert (tmp_path / "r" / folder).is_symlink() and not list((tmp_path / "elsewhere").iterdir())
    assert not (tmp_path / "r/explore").exists()


@pytest.mark.parametrize("kind", ["loop", "dangling"])
def test_links_that_lead_nowhere(capsys, tmp_path, kind):
    (tmp_path / "r").symlink_to(tmp_path / ("r" if kind == "loop" else "gone/at/all"))
    (tmp_path / "s.jsonl").symlink_to(tmp_path / ("s.jsonl" if kind == "loop" else "gone"))
    if kind == "loop":
        refused(capsys, [], "run", "--preset", "smoke", "--run-dir", tmp_path / "r")
    refused(capsys, [], "clean", tmp_path / "s.jsonl")
    refused(capsys, [], "generate", "--run-dir", tmp_path / "r", "--prompt", "а")


def test_a_lock_that_is_held_is_not_waited_for_without_end(tmp_path):
    (tmp_path / "r").mkdir()
    with open(tmp_path / "r/.chain", "a") as f:
        fcntl.flock(f, fcntl.LOCK_EX)
        start = time.monotonic()
        done = rugpt("run", "--preset", "smoke", "--run-dir", tmp_path / "r", timeout=60)
    assert done.returncode == 2 and "has held this run directory for 10 seconds" in done.stderr
    assert time.monotonic() - start < 40


def limited(kind, value):
    return lambda: resource.setrlimit(kind, (value, value))


def one_line(done, *words):
    lines = [x for x in done.stderr.split("\n") if x.strip()]
    assert done.returncode == 2 and lines[-1].startswith("rugpt: ") and "Traceback" not in done.stderr, done.stderr[
        -3000:
    ]
    for word in words:
        assert word in lines[-1], lines[-1]


@pytest.mark.parametrize("command", ["train", "bins", "export"])
def test_the_limit_on_the_size_of_files(chain, tmp_path, command):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/tokens").symlink_to(chain[0] / "tokens")
    args = {
        "train": ["--run-dir", tmp_path / "r", "--models", "qwen3", "--depth", "2", "--steps", "1"],
        "bins": [SAMPLE, "--out", tmp_path / "b", "--vocab-size", "400"],
        "export": ["--run-dir", chain[0], "--out", tmp_path / "e", "--formats", "f16"],
    }[command]
    done = subprocess.run(
        [*RUGPT, command, *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=limited(resource.RLIMIT_FSIZE, 60_000),
    )
    one_line(done, "limit on the size of a file", "ulimit -f")
    assert not [p for p in tmp_path.rglob("*.tmp")]


@pytest.mark.slow
@pytest.mark.parametrize(
    "stage, size",
    [
        ("clean", 40_000),
        ("synthesize", 20_000),
        ("classify", 20_000),
        ("tokenize", 40_000),
        ("train", 200_000),
        ("generate", 3_000),
        ("artifacts", 20_000),
        ("report", 40_000),
    ],
)
def test_the_limit_on_the_size_of_files_in_every_stage(chain, tmp_path, stage, size):
    """As a full disk, for which this machine would have to mount one; what was finished stays as it was."""
    run = tmp_path / "r"
    shutil.copytree(chain[0], run)
    before = {
        p: p.read_bytes()
        for p in run.rglob("*")
        if p.is_file() and p.parts[len(run.parts)] not in ("work", "notebooks")
    }
    done = subprocess.run(
        [*RUGPT, "stage", stage, "--run-dir", str(run), "--force"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        preexec_fn=limited(resource.RLIMIT_FSIZE, size),
    )
    one_line(done)
    after = {p: p.read_bytes() for p in before if p.exists()}
    assert after.keys() == before.keys()
    changed = [p.name for p in before if after[p] != before[p] and p.name not in (".lock", ".chain", "run.json")]
    assert changed == [] and json.loads(after[run / "run.json"]) == json.loads(before[run / "run.json"])
    assert not [p for p in run.iterdir() if p.name.endswith((".tmp", ".old"))]


def without_memory(args, limit):
    """A command that may take so many bytes of address space."""
    return subprocess.run(
        [sys.executable, "-m", "rugpt_core", *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=600,
        preexec_fn=limited(resource.RLIMIT_AS, limit),
    )


@pytest.mark.parametrize("megabytes", [60, 150, 450])
def test_a_command_that_finds_no_memory(megabytes):
    """Before anything of ours is loaded, in the middle of it, or in a library that aborts the process."""
    one_line(without_memory(["clean", SAMPLE], megabytes * 1_000_000), "memory ran out")


@pytest.mark.slow
@pytest.mark.parametrize("stage", "clean synthesize classify tokenize train generate artifacts report".split())
def test_no_memory_in_every_stage(chain, tmp_path, stage):
    run = tmp_path / "r"
    shutil.copytree(chain[0], run)
    before = {p: p.read_bytes() for p in run.rglob("*") if p.is_file() and "work" not in p.parts}
    one_line(without_memory(["stage", stage, "--run-dir", run, "--force"], 700_000_000), "memory")
    gone = [p for p in before if not p.exists() or p.read_bytes() != before[p]]
    assert [p.name for p in gone if p.name not in (".lock", ".chain", "run.json")] == []
    assert not [p for p in run.iterdir() if p.name.endswith((".tmp", ".old"))]


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["clean", "synthesize", "classify", "tokenize"])
def test_memory_that_ends_in_the_middle_of_a_stage(chain, tmp_path, stage):
    """A kernel that dies, a library that waits for threads, an error that nobody could format: our line is the last,
    unless 1.5 GB are enough."""
    run = tmp_path / "r"
    shutil.copytree(chain[0], run)
    before = {p: p.read_bytes() for p in run.glob("*/*") if p.is_file() and p.parent.name not in ("work", "notebooks")}
    done = without_memory(["stage", stage, "--run-dir", run, "--force"], 1_500_000_000)
    if done.returncode:
        one_line(done, "memory")
        assert [p.name for p in before if not p.exists() or p.read_bytes() != before[p]] == []
    assert hidden(run) <= {".lock", ".chain"}


def hidden(run):
    """Names that begin with a dot, in a run directory and among its pages: what is being written."""
    return {p.name for p in (*run.iterdir(), *(run / "notebooks").iterdir()) if p.name.startswith(".")}


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_a_long_stage_within_five_seconds(chain, tmp_path, times):
    run = tmp_path / "r"
    shutil.copytree(chain[0], run)
    command = [*RUGPT, "stage", "train", "--run-dir", str(run), "--set", "max_steps=100000"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        end = time.monotonic() + 120
        while (
            "training" not in (run / "work/progress.txt").read_text() if (run / "work/progress.txt").exists() else True
        ):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.2)
        start = time.monotonic()
        for _ in range(times):
            process.send_signal(signal.SIGINT)
            time.sleep(0.2)
        try:
            _, said = process.communicate(timeout=60)
        finally:
            process.kill()
    assert time.monotonic() - start < 5 and process.returncode == 130
    assert said.strip() == STOPPED
    assert hidden(run) <= {".lock", ".chain"}  # once or twice: no half written page, no half built stage


def dripping():
    """A server whose replies come a byte every half second and never end: its listening socket."""

    def reply(connection):
        try:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n")
            while True:
                connection.sendall(b" ")
                time.sleep(0.5)
        except OSError:  # the client gave up
            connection.close()

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=reply, args=(connection,), daemon=True).start()

    listener = socket.create_server(("127.0.0.1", 0))
    threading.Thread(target=accept, daemon=True).start()
    return listener


@pytest.mark.slow
@pytest.mark.parametrize("times", [1, 2])
def test_ctrl_c_ends_the_wait_for_a_server(chain, tmp_path, times):
    """Of a stage whose server drips, within five seconds, with one line; no half written page is left."""
    run = shutil.copytree(chain[0], tmp_path / "r")
    with dripping() as server:
        url = f"llm_base_url=http://127.0.0.1:{server.getsockname()[1]}/v1"
        args = ["stage", "synthesize", "--run-dir", run, "--set", "llm_engine=openai", "--set", url]
        with subprocess.Popen([*RUGPT, *map(str, args)], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              text=True) as process:
            end = time.monotonic() + 120
            while not (run / "work/journal.sqlite").exists():
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.2)
            time.sleep(2)
            start = time.monotonic()
            for _ in range(times):
                process.send_signal(signal.SIGINT)
                time.sleep(0.2)
            _, said = process.communicate(timeout=60)
    assert time.monotonic() - start < 5 and process.returncode == 130 and said.strip() == STOPPED
    assert hidden(run) <= {".lock", ".chain"}


@pytest.mark.slow
def test_a_server_that_drips_is_left_in_time(chain, tmp_path):
    """A try ends with its time-out, and the stage with one line."""
    run = shutil.copytree(chain[0], tmp_path / "r")
    with dripping() as server:
        url = f"llm_base_url=http://127.0.0.1:{server.getsockname()[1]}/v1"
        start = time.monotonic()
        done = rugpt("synthesize", "--run-dir", run, "--set", "llm_engine=openai", "--set", url, "--set",
                     "llm_timeout=1", "--set", "llm_tries=2", timeout=120)
    one_line(done, "the first question was not answered", "time-out")
    assert time.monotonic() - start < 60


def test_ctrl_c_while_the_command_is_still_loading():
    """At whatever moment of its start: no traceback, one line or none."""
    for wait in (0.05, 0.15, 0.3, 0.5):
        with subprocess.Popen(
            [sys.executable, "-m", "rugpt_core", "judge"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            time.sleep(wait)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=30)
        if wait > 0.1:  # before, Python itself is still loading
            assert "rugpt" in said or "Traceback" not in said, said


def test_standard_output_that_takes_nothing_more():
    with open("/dev/full", "w") as full:
        done = subprocess.run([*RUGPT, "presets"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "disk is full" in done.stderr


@pytest.fixture
def dead_hub(monkeypatch):
    """A hub that takes connections and says nothing."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(64)
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{s.getsockname()[1]}")
        monkeypatch.setenv("HF_HUB_OFFLINE", "0")
        yield


@pytest.mark.slow
def test_a_hub_that_does_not_answer(dead_hub):
    start = time.monotonic()
    done = rugpt("clean", "google/wiki40b", timeout=300)
    assert time.monotonic() - start < 60
    one_line(done, "the hub did not answer within 20 seconds", "google/wiki40b")


def test_last_lines_are_json():
    """What `rugpt judge` prints is one object a line, whatever a stranger wrote as an id."""
    row = json.dumps({"id": "\u202e\x1b[2J", "answer": "x", "title": "t"})
    done = subprocess.run([*RUGPT, "judge"], cwd=ROOT, input=row, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and json.loads(done.stdout)["id"] == "\u202e\x1b[2J"
    assert not set(done.stdout) & set("\u202e\x1b")


@pytest.mark.parametrize("command", ["run", "train", "stage clean", "report"])
def test_a_run_directory_through_a_file(capsys, tmp_path, command):
    (tmp_path / "file").touch()
    refused(capsys, ["file", "is no folder"], *command.split(), "--run-dir", tmp_path / "file" / "..")
    assert os.listdir(tmp_path) == ["file"]


def test_a_stored_whole_number_is_read_and_written_as_one(tmp_path):
    write_run(tmp_path, "demo", dict(llm_timeout=600, learning_rate=3e-4))
    first = (tmp_path / "run.json").read_bytes()
    write_run(tmp_path, **read_run(tmp_path))
    assert (tmp_path / "run.json").read_bytes() == first and b"600.0" not in first


@pytest.mark.parametrize(
    "judge, said",
    [
        (["llm_judge=openai"], "judge_base_url"),
        (["llm_judge=openai", "judge_base_url=ftp://x"], "judge_base_url"),
        (["llm_judge=transformers", "judge_model=m"], "judge_model_path"),
        (["llm_judge=local", "judge_model=m", "judge_model_path=missing.gguf"], "judge_model_path"),
        (["llm_judge=local", "judge_model_path=missing.gguf"], "judge_model"),
    ],
)
def test_a_judge_that_cannot_be_asked_is_refused_before_any_stage(capsys, tmp_path, judge, said):
    given = [word for value in judge for word in ("--set", value)]
    refused(capsys, [said], "run", "--preset", "smoke", "--run-dir", tmp_path / "r", *given)
    assert not (tmp_path / "r" / "explore").exists()


DAMAGE = {
    "cut": lambda data: data[: len(data) // 2],
    "emptied": lambda data: b"",
    "another kind": lambda data: b"[]",
    "as long": lambda data: data[:-9] + bytes(9),
    "a folder": None,
}
READ_LATER = {
    "artifacts/metrics.json": "report",
    "clean/funnel.json": "report",
    "clean/articles.parquet": "synthesize",
    "topics/selection.parquet": "stage tokenize",
    "tokens/train.bin": "train --fresh --steps 1 --models gpt2",
    "tokens/meta.json": "stage train",
    "model/qwen3/model.safetensors": "stage generate",
    "generations/qwen3-sample.jsonl": "stage artifacts",
    "model/qwen3/config.json": "generate --prompt а --max-tokens 1",
    "model/summary.json": "export --no-check",
    "tokens/tokenizer/tokenizer_config.json": "analyze",
    "generations/gpt2-sample.jsonl": "rate",
    "clean/rejected.parquet": "synthesize --dry-run",
}


@pytest.mark.parametrize("file", READ_LATER)
def test_a_file_that_is_not_what_its_stage_wrote_is_named(chain, capsys, tmp_path, file):
    """By the stage that would read it, current or not; `rugpt run` builds it again."""
    run = shutil.copytree(chain[0], tmp_path / "r")
    whole, command = (run / file).read_bytes(), READ_LATER[file]
    for damage in DAMAGE.values():
        (run / file).unlink()
        (run / file).mkdir() if damage is None else (run / file).write_bytes(damage(whole))
        refused(capsys, [file], *command.split(), "--run-dir", run)
        (run / file).rmdir() if damage is None else None
        (run / file).write_bytes(whole)
    assert not [p for p in run.iterdir() if p.name.endswith((".tmp", ".old"))]
    assert (run / "model/qwen3/model.safetensors").is_file()


def test_a_stage_whose_state_cannot_be_told_ends_the_chain(monkeypatch, tmp_path):
    """And is not taken for one that is done."""
    from rugpt_core.runs import chain as runs_chain

    def forbidden(stage):
        raise PermissionError(13, "denied", "page")

    monkeypatch.setattr(runs_chain.Stage, "why_stale", forbidden)
    monkeypatch.setattr(runs_chain, "run_notebook", lambda *a: pytest.fail("built"))
    with pytest.raises(PermissionError):
        runs_chain.run_chain(["explore", "clean"], tmp_path, runs_chain.chain_parameters("smoke"))


def test_bins_are_written_whole_or_not_at_all(capsys, tmp_path):
    """A refusal in the middle leaves no folder, a killed one goes on, one that is at work is not disturbed."""
    (tmp_path / "a.jsonl").write_text('{"text": "река"}\n{"text": 1}\n')
    refused(capsys, ["a.jsonl:2", "--on-error skip"], "bins", tmp_path / "a.jsonl", "--out", tmp_path / "b")
    refused(capsys, ["--text-field NAME"], "bins", tmp_path / "a.jsonl", "--out", tmp_path / "b", "--text-field", "x")
    (tmp_path / "b.jsonl").write_text("[[[[")
    refused(capsys, ["brackets and no value"], "bins", tmp_path / "b.jsonl", "--out", tmp_path / "b")
    (tmp_path / "b.jsonl").write_text('[{"text": "река"},\n{"text": "озеро"},\n')
    refused(capsys, ["not closed behind value 2"], "bins", tmp_path / "b.jsonl", "--out", tmp_path / "b")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl"]
    (tmp_path / "b/.writing/tokenizer").mkdir(parents=True)
    (tmp_path / "b/tokenizer").mkdir()
    assert exit_code("bins", SAMPLE, "--out", tmp_path / "b", "--vocab-size", "300", "--limit", "30") == 0
    assert {p.name for p in (tmp_path / "b").iterdir()} >= {"meta.json", "tokenizer", "train.bin", "val.bin"}
    assert not list((tmp_path / "b").glob(".*"))


def test_a_training_that_is_refused_leaves_nothing(chain, capsys, tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r/tokens").symlink_to(chain[0] / "tokens")
    for given in (["block_size=1000000"], ["n_head=7", "n_embd=64"], ["device=tpu"], ["learning_rate=-1"]):
        settings = [word for value in given for word in ("--set", value)]
        refused(capsys, [given[0].partition("=")[0]], "train", "--run-dir", tmp_path / "r", "--steps", "1", *settings)
        assert os.listdir(tmp_path / "r") == ["tokens"]
