"""The study: its grid from the command line, killed and gone on with, and its claims."""
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import ROOT, RUGPT, rugpt

from rugpt_core.study.claims import check_claims, read_claims
from rugpt_core.study.grid import expand, read_table
from rugpt_core.study.results import RESULTS, check_results, read_results


def numbers(folder):
    """The results of a folder without what the clock says: {cell: result}."""
    found = {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*/*.json"))}
    for r in found.values():
        r.pop("timing", None)
    return found


@pytest.mark.parametrize("preset", sorted(p.name for p in RESULTS.glob("*") if p.is_dir()))
def test_committed_results_are_of_this_table_and_bear_the_claims(preset):
    results = read_results(preset)
    assert check_results(expand(read_table(), preset), results) == []
    assert check_claims([c for c in read_claims() if c.preset == preset], results) == []


@pytest.mark.parametrize("path", sorted(RESULTS.glob("*/*.json")), ids=lambda p: p.stem)
def test_a_result_holds_no_text(path):
    text = path.read_text(encoding="utf-8")
    assert not any("а" <= letter.lower() <= "я" for letter in text), "Cyrillic letters: numbers alone are committed"


@pytest.mark.slow
def test_a_killed_grid_gives_the_numbers_of_one_that_was_not(tmp_path):
    """Killed at several moments, run by two processes at once, stopped by the clock: the same bytes but for times."""
    def command(run_dir, *more):
        return ("study", "--preset", "smoke", "--run-dir", tmp_path/run_dir, "--results", tmp_path/f"{run_dir}-out",
            *more)
    done = rugpt(*command("whole"), check=0)
    assert "3 done, 0 current, 0 failed, 0 left" in done.stdout
    for seconds in (3, 6, 9, 12):
        process = subprocess.Popen([*RUGPT, *map(str, command("killed"))], cwd=ROOT, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True)
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    rugpt(*command("killed", "--minutes", "0.001"), check=0)
    both = [subprocess.Popen([*RUGPT, *map(str, command("killed"))], cwd=ROOT) for _ in range(2)]
    assert [p.wait(timeout=300) for p in both] == [0, 0]
    rugpt(*command("killed"), check=0) # what one left to the other, which a third may have to end
    assert numbers(tmp_path/"killed-out") == numbers(tmp_path/"whole-out")
    again = rugpt(*command("killed"), check=0)
    assert "0 done, 3 current, 0 failed, 0 left" in again.stdout


@pytest.mark.slow
def test_balanced_text_and_planted_facts(tmp_path):
    """Kinds of cells that the smallest grid leaves out."""
    table = read_table()
    table["presets"]["smoke"]["only"] = ["e-balanced", "g-small", "c-human"]
    import yaml
    (tmp_path/"cells.yml").write_text(yaml.safe_dump(table), encoding="utf-8")
    done = rugpt("study", "--preset", "smoke", "--cells", tmp_path/"cells.yml", "--run-dir", tmp_path/"run",
        "--results", tmp_path/"out", check=0)
    assert "3 done" in done.stdout
    found = numbers(tmp_path/"out")
    assert found["g-small-s1"]["planted"]["groups"].keys() == {"0", "1", "3"}
    assert found["c-human-s1"]["human"]["texts"] > 0 and found["e-balanced-s1"]["whole"] > 0


def test_a_claim_that_is_false_fails_the_check(tmp_path):
    """The check of the command line, over results of its own."""
    from rugpt_core.study.grid import cell_digest
    from rugpt_core.study.results import write_result
    cells = expand(read_table(), "smoke")
    by = {c.id: c for c in cells}
    found = dict(snapshots=[dict(share=1., bits_per_byte=dict(value=2.))])
    write_result(cells[0], cell_digest(cells[0], by), "", found, tmp_path)
    name, text = cells[0].name, "- {id: x, sentence: s, expression: 'mean(\"%s\", \"bits_per_byte\")', test: %s, " \
        "threshold: 3, interval: none, preset: smoke}\n"
    for test, code in (("below", 0), ("above", 1)):
        (tmp_path/"claims.yml").write_text(text % (name, test), encoding="utf-8")
        done = rugpt("study", "--check", "--results", tmp_path, "--claims", tmp_path/"claims.yml", check=code)
        assert ("x: is false" in done.stderr) == bool(code)
