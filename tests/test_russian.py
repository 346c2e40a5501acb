"""The Russian notebooks: the code of the English ones, prose from the tables of translations, made by a command."""
import ast
import importlib.util
import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

RU = ROOT/"notebooks/ru"


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


translate = load(RU/"translate.py")
NAMES = [p.stem for p in translate.SOURCES]


def sources(path):
    return [(c["cell_type"], "".join(c["source"])) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]


@pytest.mark.parametrize("name", NAMES)
def test_every_cell_is_translated_and_the_notebook_is_what_the_command_makes(name):
    made, lost = translate.russian(ROOT/f"notebooks/{name}.ipynb")
    assert not lost, "\n".join(lost)
    kept = sources(RU/f"{name}.ipynb")
    assert [(c["cell_type"], "".join(c["source"])) for c in made["cells"]] == kept, "run `make ru`"


class Blank(ast.NodeTransformer):
    """Code without its texts: what is left must be the same in both languages."""

    def visit_Constant(self, node):
        return ast.Constant("") if isinstance(node.value, str) else node

    def visit_JoinedStr(self, node):
        values = [self.visit(v) for v in node.values if isinstance(v, ast.FormattedValue)]
        return ast.JoinedStr(sorted(values, key=ast.dump))


def skeleton(code):
    return ast.dump(Blank().visit(ast.parse(code.replace(translate.LANGUAGE, ""))))


ALLOWED = {  # a plural in English, a pair of names in Russian; the names of topics
    "b3a957a0", "fe43d60e"}


@pytest.mark.parametrize("name", NAMES)
def test_the_code_is_the_same(name):
    english, russian = (json.loads(p.read_text(encoding="utf-8"))["cells"]
                        for p in (ROOT/f"notebooks/{name}.ipynb", RU/f"{name}.ipynb"))
    assert [c["id"] for c in english] == [c["id"] for c in russian]
    for a, b in zip(english, russian, strict=True):
        assert (a["cell_type"], a["metadata"]) == (b["cell_type"], b["metadata"])
        if a["cell_type"] == "code" and a["id"] not in ALLOWED:
            assert skeleton("".join(a["source"])) == skeleton("".join(b["source"])), a["id"]


@pytest.mark.parametrize("name", NAMES)
def test_figures_are_told_the_language(name):
    """One line more than in English, in the cell that imports the figures."""
    cells = [code for kind, code in sources(RU/f"{name}.ipynb") if kind == "code"]
    told = [translate.LANGUAGE in code.split("\n") for code in cells]
    assert sum(told) == 1 and told == [translate.IMPORT in code.split("\n") for code in cells]


@pytest.mark.parametrize("name", NAMES)
def test_outputs_belong_to_their_sources(name):
    """Published outputs are those of these cells; a notebook whose code changed has none until `make publish`."""
    page = load(ROOT/"notebooks/publish.py")
    stage = next(s for s in page.PUBLISHED if page.path_of(s).stem == name)
    notebook = json.loads(page.path_of(stage, "ru").read_text(encoding="utf-8"))
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    made = notebook["metadata"].get("rugpt") or {}
    assert any(c["outputs"] for c in cells) == bool(made), "run `make publish`"
    assert not made or made["sources"] == page.sources_digest(cells, stage, made["preset"]), "run `make publish`"
    for cell in cells:
        page.check(cell, cell["id"], {str(ROOT), "/tmp/"})


def test_outputs_stay_while_the_code_stays(tmp_path):
    folder = tmp_path/"notebooks"
    shutil.copytree(RU, folder/"ru", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT/"notebooks/01_explore.ipynb", folder)
    target, made = folder/"ru/01_explore.ipynb", dict(preset="demo", sources="0")
    notebook = json.loads(target.read_text(encoding="utf-8"))
    shown = [dict(output_type="stream", name="stdout", text=["42"])]
    next(c for c in notebook["cells"] if c["cell_type"] == "code")["outputs"] = shown
    notebook["metadata"]["rugpt"] = made
    target.write_text(json.dumps(notebook), encoding="utf-8")
    again = load(folder/"ru/translate.py")
    kept, _ = again.russian(folder/"01_explore.ipynb")
    assert kept["metadata"]["rugpt"] == made and shown in [c.get("outputs") for c in kept["cells"]]
    change(folder/"01_explore.ipynb", "p = read_json", "q = read_json")
    kept, _ = again.russian(folder/"01_explore.ipynb")
    assert "rugpt" not in kept["metadata"] and not any(c.get("outputs") for c in kept["cells"])


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_the_same(name):
    from rugpt_core.runs.parameters import parse_parameters
    cells = [next(c for c in json.loads(p.read_text(encoding="utf-8"))["cells"]
                  if "parameters" in c["metadata"].get("tags", []))
             for p in (ROOT/f"notebooks/{name}.ipynb", RU/f"{name}.ipynb")]
    english, russian = (parse_parameters("".join(c["source"])) for c in cells)
    assert [(p.name, p.type, p.default) for p in english.values()] == \
        [(p.name, p.type, p.default) for p in russian.values()]
    assert all(p.help and (not p.help.isascii() or p.help == english[p.name].help) for p in russian.values())


def change(notebook, old, new):
    text = notebook.read_text(encoding="utf-8")
    assert old in text
    notebook.write_text(text.replace(old, new, 1), encoding="utf-8")


@pytest.mark.parametrize("old, new, named", [
    ("Nothing is changed here", "Nothing at all is changed here", "cell 38b74ac4"),
    ("articles read at most; 0 reads all", "articles that are read; 0: all", "parameter limit"),
    ("articles, by length in characters", "articles, by their length", "cell 5ab4262f"),
    ('"id": "38b74ac4"', '"id": "00000000"', "cell 00000000")])
def test_a_changed_cell_without_its_translation_is_named(old, new, named, tmp_path):
    folder = tmp_path/"notebooks"
    shutil.copytree(RU, folder/"ru", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT/"notebooks/01_explore.ipynb", folder)
    make = [sys.executable, folder/"ru/translate.py"]
    assert subprocess.run(make, capture_output=True, timeout=60).returncode == 0
    change(folder/"01_explore.ipynb", old, new)
    done = subprocess.run(make, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "01_explore" in done.stderr and named in done.stderr, done.stderr


def test_every_label_of_a_figure_has_its_russian():
    from rugpt_core.views.style import LABELS
    used = {n.args[0].value for p in (ROOT/"rugpt_core/views").glob("*.py")
            for n in ast.walk(ast.parse(p.read_text(encoding="utf-8")))
            if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "label" and isinstance(n.args[0], ast.Constant)}
    assert len(used) > 25 and used <= LABELS.keys()
    assert all(any("а" <= c <= "я" for c in ru.lower()) for ru in LABELS.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_where_it_lies(name, chain, tmp_path):
    """Stock papermill from notebooks/ru, in a run that is complete: everything is found and loaded."""
    out = tmp_path/"out.ipynb"
    done = subprocess.run([sys.executable, "-m", "papermill", f"{name}.ipynb", out, "-f", ROOT/"presets/smoke.yml",
        "-p", "run_dir", chain[0], "--no-progress-bar"], cwd=RU, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    text = out.read_text(encoding="utf-8")
    assert "current: its outputs are loaded" in text and "Traceback" not in text
