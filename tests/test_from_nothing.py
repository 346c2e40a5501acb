"""Each pipeline notebook in an empty run directory, by stock papermill, with nothing but what its own command line
says."""
import json
import subprocess
import sys

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow
NOTEBOOKS = sorted((ROOT/"notebooks").glob("0*.ipynb"))
LATE = [p for p in NOTEBOOKS if p.stem in ("05_tokenize", "08_artifacts")]  # what reads the shape, and what reads all
EARLY = [p for p in NOTEBOOKS if p.stem in ("01_explore", "02_clean", "04_classify")]  # what needs no training
CASES = [(p, "") for p in NOTEBOOKS] + [(p, "own") for p in LATE] + [(p, "demo") for p in EARLY]


def by_papermill(notebook, folder, preset="", run_dir="run"):
    """Run a notebook from a folder that holds nothing of the project; give what it printed."""
    out, given = folder/f"{notebook.stem}.ipynb", ["-f", ROOT/f"presets/{preset}.yml"] if preset else []
    command = [sys.executable, "-m", "papermill", notebook, out, *given, "-p", "run_dir", folder/run_dir,
        "--no-progress-bar"]
    done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, f"{notebook.name}\n{done.stderr[-3000:]}"
    outputs = [o for c in json.loads(out.read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    assert outputs and not [o for o in outputs if o["output_type"] == "error"]
    return "".join("".join(o.get("text", "")) + "".join(o.get("data", {}).get("text/plain", "")) for o in outputs)


@pytest.mark.parametrize("notebook, preset", CASES, ids=lambda v: getattr(v, "stem", v or "defaults"))
def test_it_builds_what_it_reads(notebook, preset, tmp_path):
    """With its own defaults, and with a preset that leaves the shape to the text."""
    number, said = int(notebook.stem[:2]), by_papermill(notebook, tmp_path, preset)
    built = len(list((tmp_path/"run").glob("*/manifest.json")))
    assert built >= min(8, number - (number > 1))  # 02 reads the source, as 01 does
    assert ("running them first" in said) == (number > 2)
    if preset == "own":
        models = json.loads((tmp_path/"run/run.json").read_text())["params"]["models"]
        assert models == ["qwen3"]


@pytest.fixture(scope="module")
def last(tmp_path_factory):
    """What the last notebook builds of preset demo in an empty run directory."""
    folder = tmp_path_factory.mktemp("demo")
    assert "running them first" in by_papermill(NOTEBOOKS[-1], folder, "demo")
    return folder


@pytest.mark.parametrize("notebook", NOTEBOOKS[::-1], ids=lambda p: p.stem)
def test_preset_demo_from_the_last_notebook_to_the_first(notebook, last):
    """Every other notebook finds what the last one built, and says so; only the first, which no other reads, has to be
    built."""
    said = by_papermill(notebook, last, "demo")
    assert "running them first" not in said and "is stale" not in said
    assert "current: its outputs are loaded" in said or notebook == NOTEBOOKS[0]
