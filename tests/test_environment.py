"""What an environment may hold: names that are no text, variables of other programs, signals, a run that is moved."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, RUGPT
from test_generate import refused

from rugpt_core.cli.main import shown
from rugpt_core.cli.options import check_paths
from rugpt_core.common.devices import DistributedContext
from rugpt_core.common.errors import RugptError
from rugpt_core.runs import chain as chain_module
from rugpt_core.runs.chain import kernel_folder, run_chain
from rugpt_core.runs.directory import last_file
from rugpt_core.runs.parameters import chain_parameters

SAMPLE = ROOT / "data/sample/wiki40b_ru.jsonl"
NO_TEXT = os.fsdecode(b"\xff\xfe")


def test_a_name_that_is_no_text_is_refused_wherever_it_stands(capsys, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / f"{NO_TEXT}.jsonl").write_text('{"text": "а"}')
    for args in (["run", "--run-dir", f"{tmp_path}/r{NO_TEXT}"], ["clean", f"{tmp_path}/s/{NO_TEXT}.jsonl"],
                 ["run", "--source", tmp_path / "s", "--run-dir", tmp_path / "r"],
                 ["bins", SAMPLE, "--out", f"{tmp_path}/{NO_TEXT}"]):  # fmt: skip
        refused(capsys, ["is not UTF-8"], *args)
    assert os.listdir(tmp_path) == ["s"]


def test_a_path_that_is_shown_obeys_nothing():
    assert not set(shown("/a/\x1b[2J\n\u202ex")) & set("\x1b\n\u202e")


def test_a_run_does_not_read_what_it_writes(capsys, tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s/a.jsonl").write_text('{"text": "а"}')
    for run in ("s", "s/run", "s/deep/run"):
        refused(capsys, ["lies in the source"], "run", "--source", tmp_path / "s", "--run-dir", tmp_path / run)
    assert os.listdir(tmp_path / "s") == ["a.jsonl"]


@pytest.mark.parametrize("name, value", [("SOURCE_DATE_EPOCH", "abc"), ("SOURCE_DATE_EPOCH", "-1"),
                                         ("SOURCE_DATE_EPOCH", "9" * 5000), ("SOURCE_DATE_EPOCH", "٣")])  # fmt: skip
def test_a_date_that_is_none(capsys, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    refused(capsys, [name], "presets")


@pytest.mark.parametrize("given", [dict(RANK="y"), dict(WORLD_SIZE="x"), dict(WORLD_SIZE="-2"), dict(WORLD_SIZE="2"),
                                   dict(WORLD_SIZE="2", MASTER_PORT="nowhere"), dict(RANK="9" * 30)])  # fmt: skip
def test_processes_that_torchrun_did_not_start(monkeypatch, given):
    """Refused, and not waited for."""
    for name in ("RANK", "WORLD_SIZE", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(RugptError, match="torchrun"):
        DistributedContext()


def test_a_relative_home_of_states_is_none(monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", "states")
    assert last_file().is_absolute()


def test_few_files(monkeypatch):
    monkeypatch.setattr("rugpt_core.cli.options.resource.getrlimit", lambda _: (24, 24))
    with pytest.raises(RugptError, match="ulimit -n"):
        check_paths(None)


def test_a_long_folder_of_temporary_files_is_named(monkeypatch, tmp_path):
    (tmp_path / ("t" * 120)).mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / ("t" * 120)))
    with pytest.raises(RugptError, match="TMPDIR=/tmp"), kernel_folder():
        pass
    assert not os.listdir(tmp_path / ("t" * 120))


def test_a_run_that_is_moved_while_it_is_built(monkeypatch, tmp_path):
    def execute(stage, *_):
        os.rename(tmp_path / "r", tmp_path / "moved")
        raise FileNotFoundError("output folder doesn't exist.")

    monkeypatch.setattr(chain_module, "execute", execute)
    with pytest.raises(RugptError, match="removed or moved"):
        run_chain(["explore"], tmp_path / "r", chain_parameters("smoke"))


def test_python_without_docstrings_and_assertions():
    code = "from rugpt_core.cli.main import main; import rugpt_core.corpus.stage; main(['presets'])"
    done = subprocess.run([sys.executable, "-OO", "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "smoke" in done.stdout and not done.stderr


def test_what_a_person_set_up_for_notebooks_changes_no_stage(tmp_path):
    """A start-up file that ends IPython, another kernel by the name of ours, a home that is not there, a backend that
    does not exist: the stage is built, its page has its figures, nothing is said."""
    startup, kernel = tmp_path / "ip/profile_default/startup", tmp_path / "j/kernels/python3"
    for folder in (startup, kernel):
        folder.mkdir(parents=True)
    (startup / "0.py").write_text("raise SystemExit(3)")
    (kernel / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    odd = dict(IPYTHONDIR=str(tmp_path / "ip"), JUPYTER_PATH=str(tmp_path / "j"), HOME="/nonexistent",
               MPLBACKEND="nonsense", MPLCONFIGDIR=str(tmp_path))  # fmt: skip
    args = ["run", "--source", SAMPLE, "--set", "limit=30", "--until", "explore", "--run-dir", tmp_path / "r"]
    done = subprocess.run([*RUGPT, *map(str, args)], cwd=ROOT, capture_output=True, text=True, env=os.environ | odd,
                          timeout=300)  # fmt: skip
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    assert "its page is not" not in done.stdout
    page = json.loads((tmp_path / "r/notebooks/01_explore.ipynb").read_text())
    assert any("image/png" in o.get("data", {}) or "image/svg+xml" in o.get("data", {})
               for c in page["cells"] for o in c.get("outputs", ()))  # fmt: skip


@pytest.mark.parametrize("ignored, code", [(False, 130), (True, 0)])
def test_a_terminal_that_is_closed_stops_a_command_unless_it_was_to_outlive_it(tmp_path, ignored, code):
    heard = signal.SIG_IGN if ignored else signal.SIG_DFL
    with subprocess.Popen([sys.executable, "-m", "rugpt_core", "clean"], cwd=ROOT, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=lambda: signal.signal(signal.SIGHUP, heard)) as process:  # fmt: skip
        row = json.dumps(dict(text="Река течёт с гор. " * 40)).encode() + b"\n"
        process.stdin.write(row * 400)  # more than a pipe holds: it is read, so the command stands
        process.stdin.flush()
        caught = Path(f"/proc/{process.pid}/status")
        while not ignored and not int(caught.read_text().split("SigCgt:\t")[1].split()[0], 16) & 1:
            time.sleep(0.1)
        process.send_signal(signal.SIGHUP)
        _, said = process.communicate(timeout=60)
    assert process.returncode == code and said.decode().count("rugpt: stopped") == (code == 130)
