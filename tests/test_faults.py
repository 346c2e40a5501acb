"""What a person can get wrong: one clear line, exit code 2, nothing earlier lost."""
import gzip
import json
import os
import shutil
import subprocess

import pytest
from conftest import ROOT, outputs, rugpt
from test_generate import command as exit_code
from test_generate import refused

from rugpt_core.runs.layout import STAGES

SAMPLE = ROOT/"data/sample/wiki40b_ru.jsonl"
RIVER = "\n_START_ARTICLE_\nRiver\n_START_PARAGRAPH_\n" + "A river flows. "*40
ENGLISH = json.dumps({"wikidata_id": "E", "version_id": "1", "text": RIVER})


def cut_gz(path):
    whole = gzip.compress(SAMPLE.read_bytes())
    path.write_bytes(whole[:len(whole)//2])


FAULTS = {
    "missing": ("none.jsonl", lambda p: None, "none.jsonl"),
    "empty": ("empty.jsonl", lambda p: p.write_text(""), "empty"),
    "cut": ("cut.jsonl.gz", cut_gz, "cut.jsonl.gz"),
    "not JSON": ("bad.jsonl", lambda p: p.write_text(SAMPLE.read_text().split("\n")[0] + "\n{oops\n"), "bad.jsonl:2"),
    "no text": ("fields.jsonl", lambda p: p.write_text('{"id": 1}\n'), "fields.jsonl:1"),
    "not Russian": ("english.jsonl", lambda p: p.write_text((ENGLISH + "\n")*3), "ussian"),
}


def assert_one_line(done, *words):
    assert done.returncode == 2, done.stdout + done.stderr
    lines = [line for line in done.stderr.split("\n") if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("rugpt: "), done.stderr
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_sources(tmp_path, fault):
    name, make, word = FAULTS[fault]
    make(tmp_path/name)
    source = f"source={tmp_path/name}"
    done = rugpt("run", "--preset", "smoke", "--run-dir", tmp_path/"run", "--until", "clean", "--set", source)
    assert_one_line(done, word)


def test_a_fault_loses_nothing_earlier(chain, tmp_path):
    run_dir = tmp_path/"copy"
    shutil.copytree(chain[0], run_dir)
    before = (run_dir/"clean/articles.parquet").read_bytes()
    (tmp_path/"empty.jsonl").write_text("")
    assert_one_line(rugpt("run", "--run-dir", run_dir, "--set", f"source={tmp_path/'empty.jsonl'}"), "empty")
    assert (run_dir/"clean/articles.parquet").read_bytes() == before


@pytest.mark.parametrize("args, words", [
    (["run", "--preset", "demmo"], ["unknown preset 'demmo'", "demo"]),
    (["run", "--preset", "smoke", "--set", "min_char=5"], ["min_char", "Did you mean min_chars"]),
    (["run", "--preset", "smoke", "--set", "min_chars=many"], ["min_chars must be int"]),
    (["run", "--preset", "smoke", "--set", "min_chars"], ["not name=value"]),
    (["stage", "train", "--preset", "smoke"], ["train reads what tokenize"]),
    (["generate", "--prompt", "Река"], ["is no folder", "--run-dir"]),
])
def test_bad_arguments(tmp_path, args, words):
    assert_one_line(rugpt(*args, "--run-dir", tmp_path/"run"), *words)


def test_an_unknown_parameter_in_a_preset_file(tmp_path):
    (tmp_path/"mine.yml").write_text("vocab_sise: 4096\n")
    done = rugpt("run", "--preset", tmp_path/"mine.yml", "--run-dir", tmp_path/"run")
    assert_one_line(done, "mine.yml", "Did you mean vocab_size")


def test_debug_shows_the_traceback(tmp_path):
    done = rugpt("run", "--preset", "demmo", "--run-dir", tmp_path/"run", "--debug")
    assert done.returncode != 0 and "Traceback" in done.stderr


def test_a_run_directory_that_is_a_file(tmp_path):
    (tmp_path/"run").write_text("")
    done = rugpt("run", "--preset", "smoke", "--run-dir", tmp_path/"run")
    assert_one_line(done, f"{tmp_path}/run: is no folder")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of its own of 400 kB, where this machine lets us mount one."""
    yield from mounted(tmp_path/"disk", "400k")


@pytest.fixture
def disk(tmp_path):
    """The same, of 100 MB, to be filled up."""
    yield from mounted(tmp_path/"disk", "100m")


def mounted(folder, size):
    folder.mkdir()
    if shutil.which("mount") is None or subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def fill(disk, left):
    """Leave so many bytes free."""
    found = os.statvfs(disk)
    with open(disk/"filler", "wb") as f:
        os.posix_fallocate(f.fileno(), 0, max(1, found.f_bavail*found.f_frsize - left))


def test_a_full_disk(small_disk):
    assert_one_line(rugpt("run", "--preset", "smoke", "--run-dir", small_disk/"run"), "disk is full")


WRITING = {"export": ("export --run-dir R --no-check --formats transformers f16 --out D/out", (20_000, 300_000)),
           "bins": (f"bins {SAMPLE} --limit 60 --vocab-size 300 --out D/out", (9_000, 60_000)),
           "generate": ("generate --run-dir R --prompt а --max-tokens 2 --out D/out", (0,)),
           "rate": ("rate --run-dir R --page --out D/out", (0, 9_000)),
           "planted": ("planted --seeds 1 --out D/out", (0,)),
           "train": ("train --run-dir D/r --models qwen3 --depth 2 --steps 1", (9_000, 100_000))}


@pytest.mark.parametrize("name", WRITING)
def test_a_disk_that_is_full_under_a_command(chain, disk, capsys, monkeypatch, name):
    """One line, nothing half written; the same command ends well when there is room."""
    if name == "train":
        shutil.copytree(chain[0]/"tokens", disk/"r/tokens")
    if name == "planted":  # its training takes too long here: what it writes is tried
        monkeypatch.setattr("rugpt_core.evaluation.planted.run_seeds", lambda plan, seeds: pytest.fail("not refused"))
    command, sizes = WRITING[name]
    args = [w.replace("D/", f"{disk}/") if w.startswith("D/") else str(chain[0]) if w == "R" else w
            for w in command.split()]
    for left in sizes:
        fill(disk, left)
        refused(capsys, ["disk is full"], *args)
        (disk/"filler").unlink()
        assert not [p for p in disk.rglob("*") if p.name.endswith(".tmp") or p.name.startswith(".rugpt")]
    if name != "planted":
        assert exit_code(*args) == 0


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_a_disk_that_is_full_in_the_middle_of_a_stage(chain, disk, stage):
    """A third of what it writes fits; what was there stays, and the next run ends it with the same bytes."""
    run = shutil.copytree(chain[0], disk/"r")
    manifest = json.loads((run/STAGES[stage].folder/"manifest.json").read_text())
    before = outputs(run)
    fill(disk, sum(o["bytes"] for o in manifest["outputs"].values())//3)
    assert_one_line(rugpt("stage", stage, "--run-dir", run, "--force"), "disk is full")
    assert outputs(run) == before and json.loads((run/STAGES[stage].folder/"manifest.json").read_text()) == manifest
    assert not [p for p in (*run.iterdir(), *(run/"notebooks").iterdir()) if p.name.endswith((".tmp", ".old"))
                or p.name.startswith(".running")]
    (disk/"filler").unlink()
    if stage in ("clean", "train"):  # the others take as long, and end alike
        rugpt("stage", stage, "--run-dir", run, "--force", check=0)
        assert outputs(run) == before


def test_a_read_only_disk(small_disk):
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    assert_one_line(rugpt("run", "--preset", "smoke", "--run-dir", small_disk/"run"), "read-only")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission(tmp_path):
    (tmp_path/"closed").mkdir(mode=0o500)
    assert_one_line(rugpt("run", "--preset", "smoke", "--run-dir", tmp_path/"closed/run"), "permission denied")
