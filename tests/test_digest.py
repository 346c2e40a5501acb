"""What makes a stage stale: the code that its entry point reaches, and nothing that only shows."""
import json
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT

CODE = "import json\nfrom rugpt_core.runs.layout import STAGES\nfrom rugpt_core.runs.stage import stage_code\n" \
       "print(json.dumps({s: stage_code(s) for s in STAGES}))"


@pytest.fixture
def project(tmp_path):
    """A copy of what digests are made of."""
    for name in ("rugpt_core", "notebooks", "report", "data"):
        shutil.copytree(ROOT/name, tmp_path/name,
            ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints", "sample"))
    shutil.copy(ROOT/"pyproject.toml", tmp_path)
    (tmp_path/"presets").mkdir() # what tells a checkout from an installed package
    return tmp_path


def codes(project):
    done = subprocess.run([sys.executable, "-c", CODE], cwd=project, env={"PYTHONPATH": str(project)},
        capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def change(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def changed(before, after):
    """Stage -> the files whose digests differ."""
    return {s: sorted(f for f in {*before[s], *after[s]} if before[s].get(f) != after[s].get(f)) for s in before
            if before[s] != after[s]}


def test_a_colour_a_caption_a_comment_and_the_wording_of_the_report(project):
    before = codes(project)
    change(project/"rugpt_core/views/style.py", 'GREY', 'GREY_')
    change(project/"rugpt_core/views/diagnostics.py", "tokens per second", "speed")
    change(project/"notebooks/06_train.ipynb", "views.speed_and_memory(timing)", "views.speed_and_memory(timing) # a "
        "comment")
    change(project/"report/report.en.md", "#", "# A title\\n\\n#")
    change(project/"rugpt_core/modeling/loss.py", "import", "# a comment changes no output\nimport")
    found = changed(before, codes(project))
    assert set(found) == {"report"}, found
    assert "report/report.en.md" in found["report"] and "views/style.py" in found["report"]


def test_the_loss_makes_train_stale_and_nothing_before_it(project):
    before = codes(project)
    path = project/"rugpt_core/modeling/loss.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nCHANGED = True\n", encoding="utf-8")
    found = changed(before, codes(project))
    assert "train" in found and not {"explore", "clean", "synthesize", "classify", "tokenize"} & set(found), found
    assert found["train"] == ["modeling/loss.py"]


def test_the_build_cell_counts(project):
    before = codes(project)
    change(project/"notebooks/06_train.ipynb", "st.run()", "st.run();")
    assert changed(before, codes(project)) == {"train": ["notebooks/06_train.ipynb"]}


def test_an_import_that_leads_nowhere_is_no_silence(project):
    path = project/"rugpt_core/training/optim.py"
    path.write_text(path.read_text(encoding="utf-8") + "\nif False:\n    from rugpt_core.training.absent import x\n")
    done = subprocess.run([sys.executable, "-c", CODE], cwd=project, env={"PYTHONPATH": str(project)},
                          capture_output=True, text=True)
    assert "rugpt_core.training.absent.x: is imported, and no file of the project has it" in done.stderr
