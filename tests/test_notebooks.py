"""The notebooks are the source: exported, clean, tested, and each able to run by itself."""
import importlib.util
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from rugpt_core.common.errors import RugptError
from rugpt_core.runs.layout import STAGES

BIN = Path(sys.executable).parent
NOTEBOOKS = sorted((ROOT/"notebooks").glob("*.ipynb")) + sorted((ROOT/"notebooks/core").glob("*/*.ipynb"))
PIPELINE = sorted((ROOT/"notebooks").glob("0*.ipynb"))
RECORDS = sorted((ROOT/"notebooks/flagship").glob("0*.ipynb"))


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of what export and clean touch, so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copy(ROOT/"pyproject.toml", folder)
    for name in ("notebooks", "rugpt_core"):
        shutil.copytree(ROOT/name, folder/name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints"))
    (folder/"README.md").write_text("")
    return folder


def tree(folder):
    """Every file of a tree and its bytes."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*"))
            if p.is_file() and "__pycache__" not in p.parts}


@pytest.mark.parametrize("command", ["nbdev-export", "nbdev-clean"])
def test_export_and_clean_change_nothing(copy, command):
    before = tree(copy)
    subprocess.run([BIN/command], cwd=copy, check=True, capture_output=True, timeout=120)
    after = tree(copy)
    changed = sorted(k for k in before.keys() | after.keys() if before.get(k) != after.get(k))
    assert not changed, f"{command} changes {changed}: run it and commit what it writes"


def test_a_hand_edit_in_a_module_is_noticed(copy):
    module = copy/"rugpt_core/runs/stage.py"
    original = module.read_bytes()
    try:
        module.write_bytes(original + b"\nEDITED = 1\n")
        subprocess.run([BIN/"nbdev-export"], cwd=copy, check=True, capture_output=True, timeout=120)
        assert module.read_bytes() == original
    finally:
        module.write_bytes(original)


def load(path):
    """A Python file that is no module of the package."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("stage", [s for s in STAGES if STAGES[s].notebook])
def test_published_outputs_belong_to_their_sources(stage):
    """What a notebook shows was made by its own cells with the values of its preset, and shows no machine and no
    clock."""
    page = load(ROOT/"notebooks/publish.py")
    nb = json.loads(page.path_of(stage).read_text(encoding="utf-8"))
    cells = [c for c in nb["cells"] if c["cell_type"] == "code"]
    made = nb["metadata"].get("rugpt") or {}
    shown = [c for c in cells if c["outputs"]]
    assert shown and made, "run `make publish`"
    if made:
        assert made["sources"] == page.sources_digest(cells, stage, made["preset"]), "run `make publish`"
        changed = [c | dict(source="".join(c["source"]) + "\n") for c in cells]
        assert made["sources"] != page.sources_digest(changed, stage, made["preset"])
    for cell in cells:
        page.check(cell, cell["id"], {str(ROOT), "/tmp/"})


@pytest.mark.parametrize("output, words", [
    (dict(output_type="stream", name="stdout", text="built at 2026-11-29T07:00:01"), "a time of the clock"),
    (dict(output_type="stream", name="stdout", text="/home/anna/runs/demo/clean"), "shows /home/anna/"),
    (dict(output_type="display_data", data={"image/png": "A"*200_001}), "bytes of output"),
])
def test_what_is_not_published(output, words):
    page = load(ROOT/"notebooks/publish.py")
    with pytest.raises(RugptError, match=words):
        page.check(dict(outputs=[output]), "here", {"/home/anna/"})


def test_a_record_quotes_nothing_of_its_articles(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT/"notebooks"))
    record = load(ROOT/"notebooks/record.py")
    article = "Над широкой рекой стоял старый каменный мост, и каждую весну вода поднималась до самых перил."
    known = record.word_runs([article])
    page = "<td>Начало: Над широ\u0301кой рекой <b>стоял</b> старый каменный мост, и каждую весну</td><td>Мост</td>"
    assert record.without_quotations(page, known) == ("<td>Начало: […]<b></b></td><td>Мост</td>", 1)
    assert record.without_quotations(article[:40], known) == (article[:40], 0)


@pytest.mark.parametrize("path", RECORDS, ids=lambda p: p.stem)
def test_a_record_shows_no_folder_of_a_machine(path):
    cells = [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]
    assert any(c["outputs"] for c in cells)
    told = json.dumps(cells, ensure_ascii=False)
    assert not re.search(r"[\s\"'(=](/[\w.-]+){2,}", re.sub(r"</?\w[^>]*>", "", told)), "a path of a machine"


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p not in PIPELINE], ids=lambda p: p.stem)
def test_library_notebooks_store_no_outputs(path):
    cells = [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]
    full = [c["id"] for c in cells if c["outputs"] or c["execution_count"]]
    assert not full, f"{path.name} stores outputs in cells {full}: clear them before the commit"


def test_library_notebooks_pass():
    done = subprocess.run([BIN/"nbdev-test", "notebooks/core", "--n-workers", "2", "--do-print"], cwd=ROOT,
                          capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-6000:]
    assert done.stdout.count("Completed") == len(NOTEBOOKS) - len(PIPELINE) - 1


def test_every_module_has_a_notebook():
    """nbdev-export never deletes: a module without its notebook is a leftover that hides what took its place."""
    cells = [c for p in NOTEBOOKS for c in json.loads(p.read_text())["cells"] if c["cell_type"] == "code"]
    exported = {"".join(c["source"]).split()[-1] for c in cells if "".join(c["source"]).startswith("#| default_exp")}
    modules = {".".join(p.relative_to(ROOT/"rugpt_core").with_suffix("").parts)
        for p in (ROOT/"rugpt_core").rglob("*.py") if p.name not in ("__init__.py", "__main__.py", "_modidx.py")}
    assert modules == exported


def test_modules_and_functions_can_be_read():
    import ast
    for path in sorted((ROOT/"rugpt_core").rglob("*.py")):
        if path.name == "_modidx.py":
            continue
        text = path.read_text()
        assert len(text.splitlines()) <= 450, f"{path.name} is too long to read"
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 60, f"{path.name}: {node.name} does not fit on a screen"


def test_the_table_of_measurements_is_that_of_the_files():
    module = load(ROOT/"benchmarks/results/table.py")
    assert module.table() == (ROOT/"benchmarks/README.md").read_text(encoding="utf-8"), "run `make readme`"


def test_readme_comes_from_its_notebook(tmp_path):
    subprocess.run([BIN/"jupyter", "nbconvert", "--to", "markdown", "--output-dir", tmp_path, "--output", "README",
                    "notebooks/index.ipynb"], cwd=ROOT, check=True, capture_output=True, timeout=120)
    assert (tmp_path/"README.md").read_text() == (ROOT/"README.md").read_text(), "run `make readme`"


@pytest.mark.slow
@pytest.mark.parametrize("path", PIPELINE, ids=lambda p: p.stem)
def test_each_pipeline_notebook_runs_under_stock_papermill(chain, path, tmp_path):
    """By its own command line, in a run that is complete: everything is loaded, nothing made again. The Russian ones
    are run by tests/test_russian.py."""
    run_dir, _ = chain
    out = tmp_path/"out.ipynb"
    done = subprocess.run([BIN/"papermill", path, out, "-f", ROOT/"presets/smoke.yml", "-p", "run_dir", run_dir,
                           "--no-progress-bar"], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    text = "".join("".join(o.get("text", [])) + str(o.get("data", {}).get("text/plain", ""))
                   for c in json.loads(out.read_text())["cells"] for o in c.get("outputs", []))
    assert "current: its outputs are loaded" in text


def test_ruff_finds_nothing():
    done = subprocess.run([BIN/"ruff", "check", "."], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout
