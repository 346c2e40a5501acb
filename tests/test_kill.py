"""`make test-kill` in short: a stage and an export are killed by SIGKILL at a random moment, then run again."""

import random
import shutil

from conftest import outputs
from kill_everything import interrupted, kill_export, left_behind

RNG = random.Random(1337)


def test_a_killed_stage_gives_the_same_bytes_and_leaves_nothing(chain, tmp_path):
    """What earlier kills left goes too; a stage killed before its notebook lay there is finished, not built again."""
    run = tmp_path / "run"
    shutil.copytree(chain[0], run)
    shutil.rmtree(run / "clean")
    (run / "notebooks/01_explore.ipynb").unlink()
    (run / "notebooks/.running.999999999.02_clean.ipynb").touch()
    (run / ".clean.tmp").mkdir()
    before = (run / "explore/manifest.json").read_bytes()
    interrupted(["run", "--run-dir", run, "--until", "clean"], 8.0, RNG, most=1)
    assert all((run / f"notebooks/{n}.ipynb").is_file() for n in ("01_explore", "02_clean"))
    assert (run / "explore/manifest.json").read_bytes() == before and left_behind(run) == []
    assert outputs(run) == outputs(chain[0])


def test_a_killed_export_gives_the_same_bytes_and_leaves_nothing(chain, tmp_path):
    _, same, left = kill_export(chain[0], 0, tmp_path, RNG, most=1)
    assert same and left == []
