"""The Dockerfile and environment.yml, as far as they can be tried without building: versions, files, packages."""

import json
import re
import shlex
import shutil
import subprocess
import tomllib

import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from rugpt_core.cli.main import build_parser
from rugpt_core.runs.parameters import load_preset

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
LINES = [
    line.split(None, 1)
    for line in re.sub(r"\\\n", " ", (ROOT / "Dockerfile").read_text(encoding="utf-8")).splitlines()
    if line.strip() and not line.startswith("#")
]
PINNED = dict(
    (canonicalize_name(name), version)
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
)


def of(instruction):
    return [rest for name, rest in LINES if name == instruction]


def extras_of(text):
    """Extras that a line installs of this project."""
    return [e for found in re.findall(r'-e "?\.\[([\w,-]+)\]', text) for e in found.split(",")]


def requirements(extra=""):
    """Every requirement of the project, those of an extra and of the extras that it names included."""
    listed = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for text in listed:
        r = Requirement(text)
        if r.name != PROJECT["name"]:
            yield r
        for inner in r.extras if r.name == PROJECT["name"] else ():
            yield from requirements(inner)


def test_python_is_the_one_that_was_tested():
    [image] = of("FROM")
    version = re.fullmatch(r"python:(\d+\.\d+)-slim", image)[1]
    assert version in SpecifierSet(PROJECT["requires-python"])
    assert f"Python {version}" in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()[0]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert f"python={version}" in conda


@pytest.mark.parametrize("place", ["Dockerfile", "environment.yml"])
def test_what_is_installed_are_the_tested_versions(place):
    """-c constraints.txt, extras that exist, and a pinned version for everything that the project asks for itself."""
    text = (ROOT / place).read_text(encoding="utf-8")
    assert "-c constraints.txt" in text and extras_of(text)
    for r in [*requirements(), *(r for e in extras_of(text) for r in requirements(e))]:
        version = PINNED.get(canonicalize_name(r.name))
        assert version and r.specifier.contains(version, prereleases=True), f"{place}: {r} and {version}"


def test_what_is_copied_is_there_and_what_is_not_wanted_stays_outside():
    for line in of("COPY"):
        *sources, _ = line.split()
        assert all((ROOT / s).exists() for s in sources), line
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()
    assert {".git", ".venv", "runs"} <= {*ignored}
    installed = next(n for n, (name, rest) in enumerate(LINES) if name == "RUN" and " -e " in rest)
    before = " ".join(rest for name, rest in LINES[:installed] if name == "COPY").split()
    wanted = {"pyproject.toml", "constraints.txt", "rugpt_core", PROJECT["readme"], *PROJECT["license-files"]}
    assert wanted <= {*before}  # what pip reads of the project


def test_packages_of_the_system_exist():
    if not shutil.which("apt-cache"):
        pytest.skip("no apt here")
    [line] = [rest for rest in of("RUN") if "apt-get install" in rest]
    words = shlex.split(line.partition("apt-get install")[2].partition("&&")[0])
    names = [w for w in words if not w.startswith("-")]
    shown = subprocess.run(["apt-cache", "show", *names], capture_output=True, text=True).stdout
    known = set(re.findall(r"^Package: (\S+)", shown, re.M))
    if not known:
        pytest.skip("apt has no lists of packages: apt-get update")
    assert names and {*names} == known


def test_what_it_runs_is_a_command():
    entry, command = json.loads(of("ENTRYPOINT")[0]), json.loads(of("CMD")[0])
    assert entry == ["python", "-m", "rugpt_core"]
    args = build_parser().parse_args(command)
    assert args.command == "run" and load_preset(args.preset)
