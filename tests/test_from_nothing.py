"""Each pipeline notebook in an empty run directory, by stock papermill, with nothing but what its own command line
says; and one run that the command line made, opened by every notebook."""
import json
import subprocess
import sys

import pytest
from conftest import ROOT, rugpt

pytestmark = pytest.mark.slow
NOTEBOOKS = sorted((ROOT/"notebooks").glob("0*.ipynb"))
# Late notebooks run all that comes before them; with their own defaults they do so in tests/test_jupyterlab.py.
SMALL = dict(limit=60, n_topic_articles=4, n_rewrites=2, n_outlines=0, vocab_size=400, models=["qwen3"], block_size=32,
    max_steps=4, eval_every=2, n_prompts=2, max_new_tokens=8, strategies=["greedy"], bootstrap_samples=100)
CASES = [(1, "defaults"), (2, "defaults"), (3, "defaults"), (4, "demo"), (5, "own"), (6, "small"), (7, "small"),
    (8, "own")]


def by_papermill(notebook, folder, run_dir, preset=None):
    """Run a notebook from a folder that holds nothing of the project; give what it printed."""
    out, given = folder/f"{notebook.stem}.ipynb", ["-f", preset] if preset else []
    command = [sys.executable, "-m", "papermill", notebook, out, *given, "-p", "run_dir", run_dir, "--no-progress-bar"]
    done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, f"{notebook.name}\n{done.stderr[-3000:]}"
    outputs = [o for c in json.loads(out.read_text(encoding="utf-8"))["cells"] for o in c.get("outputs", [])]
    assert outputs and not [o for o in outputs if o["output_type"] == "error"]
    return "".join("".join(o.get("text", "")) + "".join(o.get("data", {}).get("text/plain", "")) for o in outputs)


@pytest.mark.parametrize("number, preset", CASES)
def test_it_builds_what_it_reads(number, preset, tmp_path):
    """With its own defaults, with everything small, with the demo, and with a preset that leaves the shape to the
    text."""
    values = None if preset == "defaults" else ROOT/f"presets/{preset}.yml"
    if preset == "small":
        values = tmp_path/"small.yml"
        values.write_text(json.dumps(SMALL), encoding="utf-8")
    said = by_papermill(NOTEBOOKS[number - 1], tmp_path, tmp_path/"run", values)
    built = len(list((tmp_path/"run").glob("*/manifest.json")))
    assert built >= min(8, number - (number > 1))  # 02 reads the source, as 01 does
    assert ("running them first" in said) == (number > 2)
    if preset in ("own", "small"):
        assert json.loads((tmp_path/"run/run.json").read_text())["params"]["models"] == ["qwen3"]
    if number == 7:  # and the command line finds what the notebook built
        done = rugpt("run", "--run-dir", tmp_path/"run", "--until", "train", check=0)
        assert done.stdout.count("current, skipped") == 5, done.stdout  # all but explore, which nothing reads


def test_make_run_ends_with_the_paths_of_the_report(demo):
    run_dir, said = demo
    pages = [f"report.{lang}.{kind}" for lang in ("en", "ru") for kind in ("html", "pdf")]
    assert all(f"runs/demo/report/{page}" in said and (run_dir/"report"/page).stat().st_size for page in pages), said


def test_what_make_run_built_is_current_for_every_notebook(demo, tmp_path):
    """From the last to the first: no notebook of the demo makes anything again."""
    for notebook in NOTEBOOKS[::-1]:
        said = by_papermill(notebook, tmp_path, demo[0], ROOT/"presets/demo.yml")
        assert "running them first" not in said and "is stale" not in said, notebook.stem
        assert "current: its outputs are loaded" in said, notebook.stem
