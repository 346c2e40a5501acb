"""An installed wheel does in an empty folder what a checkout does."""
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, RUGPT, copy_checkout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the package of a wheel, built from a copy of what git would hand out."""
    source, wheels, target = (tmp_path_factory.mktemp(n) for n in ("source", "wheels", "target"))
    copy_checkout(source)
    shutil.rmtree(source/"tests")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run([*pip, "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", wheels, source], check=True,
        timeout=300)
    subprocess.run([*pip, "install", "-q", "--no-deps", "--target", target, *wheels.glob("*.whl")], check=True,
        timeout=300)
    return target


def call(installed, folder, *args):
    env = os.environ | {"PYTHONPATH": str(installed)}
    done = subprocess.run([*RUGPT, *map(str, args)], cwd=folder, env=env, capture_output=True, text=True, timeout=600)
    return done


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if "__pycache__" not in p.parts)


def test_presets_are_there(installed, tmp_path):
    done = call(installed, tmp_path, "presets")
    assert done.returncode == 0
    assert [line.split()[0] for line in done.stdout.splitlines()] == sorted(p.stem
        for p in (ROOT/"presets").glob("*.yml"))
    assert "vocab_size" in call(installed, tmp_path, "presets", "smoke").stdout


def test_a_run_writes_where_the_person_stands(installed, tmp_path):
    before = tree(installed)
    done = call(installed, tmp_path, "run", "--preset", "smoke", "--until", "clean")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "run directory runs/smoke" in done.stdout and (tmp_path/"runs/smoke/clean/articles.parquet").is_file()
    assert tree(installed) == before and (installed/"rugpt_core/py.typed").is_file()
    publish = call(installed, tmp_path, "report", "--publish")
    assert publish.returncode == 2 and "Traceback" not in publish.stderr


def test_files_that_the_code_names_are_carried(installed):
    """Every path below the project's root that a notebook or a module spells out."""
    project = installed/"rugpt_core/project"
    sources = [*project.glob("notebooks/0*.ipynb"), *(p for p in (installed/"rugpt_core").rglob("*.py"))]
    named = {m for p in sources for m in re.findall(r'ROOT/\\?"([\w./-]+)\\?"', p.read_text(encoding="utf-8"))}
    assert "presets" in named and "benchmarks/results/topics.json" in named
    only_in_a_checkout = {"pyproject.toml", "rugpt_core"}
    missing = sorted(n for n in named - only_in_a_checkout if (ROOT/n).exists() and not (project/n).exists())
    assert not missing
