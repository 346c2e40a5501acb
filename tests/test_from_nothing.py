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
CASES = [(p, "") for p in NOTEBOOKS] + [(p, preset) for p in LATE for preset in ("smoke", "own")]


@pytest.mark.parametrize("notebook, preset", CASES, ids=lambda v: getattr(v, "stem", v or "defaults"))
def test_it_builds_what_it_reads(notebook, preset, tmp_path):
    """With its own defaults, and with presets that name the shape or leave it to the text."""
    out, given = tmp_path/"out.ipynb", ["-f", ROOT/f"presets/{preset}.yml"] if preset else []
    command = [sys.executable, "-m", "papermill", notebook, out, *given, "-p", "run_dir", tmp_path/"run",
        "--no-progress-bar"]
    done = subprocess.run([str(c) for c in command], cwd=tmp_path, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, f"{notebook.name}\n{done.stderr[-3000:]}"
    outputs = [o for c in json.loads(out.read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    assert outputs and not [o for o in outputs if o["output_type"] == "error"]
    assert len(list((tmp_path/"run").glob("*/manifest.json"))) >= min(8,
        int(notebook.stem[:2]) - (notebook.stem > "02"))
    if preset and notebook.stem > "02":
        models = json.loads((tmp_path/"run/run.json").read_text())["params"]["models"]
        assert models == (["qwen3"] if preset == "own" else ["gpt2", "qwen3"])
