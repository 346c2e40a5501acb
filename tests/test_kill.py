"""`make test-kill` in short: a stage and an export are killed by SIGKILL at a random moment, then run again."""

import random
import shutil

from conftest import outputs
from kill_everything import call, interrupted, kill_export, left_behind

RNG = random.Random(1337)


def test_a_killed_stage_gives_the_same_bytes_and_leaves_nothing(chain, tmp_path):
    """Killed while the folder, the notebook or neither is in place; what killed runs left before goes too."""
    run = tmp_path / "run"
    shutil.copytree(chain[0], run)
    shutil.rmtree(run / "clean")
    (run / "notebooks/.running.999999999.02_clean.ipynb").touch()
    (run / ".clean.tmp").mkdir()
    interrupted(["run", "--run-dir", run, "--until", "clean"], 6.0, RNG, most=1)
    assert (run / "notebooks/02_clean.ipynb").is_file() and left_behind(run) == []
    assert outputs(run) == outputs(chain[0])


def test_a_stage_without_its_notebook_is_finished(chain, tmp_path):
    """Killed between the folder and the notebook: the notebook is executed over the folder, nothing is built again."""
    run = tmp_path / "run"
    shutil.copytree(chain[0], run)
    (run / "notebooks/02_clean.ipynb").unlink()
    before = (run / "clean/manifest.json").read_bytes()
    call(["run", "--run-dir", run, "--until", "clean"])
    assert (run / "notebooks/02_clean.ipynb").is_file() and (run / "clean/manifest.json").read_bytes() == before


def test_a_killed_export_gives_the_same_bytes_and_leaves_nothing(chain, tmp_path):
    _, same, left = kill_export(chain[0], tmp_path, RNG, most=1)
    assert same and left == []
