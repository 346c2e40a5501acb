"""The reference that `make docs` writes: a page for every module, whose links lead to something, without a network."""

import ast
import importlib
import os
import re
import subprocess
from html.parser import HTMLParser

import pytest
from conftest import ROOT, copy_checkout, use_environment

MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts) for p in (ROOT / "rugpt_core").glob("*/*.py")
    if not p.name.startswith("_")
)


class Page(HTMLParser):
    """The ids of a page, and what it points to or loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links = set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        self.links |= {found[a] for a in ("href", "src") if found.get(a)}


@pytest.mark.slow
def test_the_reference_is_built_and_its_links_hold(tmp_path):
    copy_checkout(tmp_path)
    make = ["make", *use_environment(tmp_path).split(), "docs"]
    subprocess.run(make, cwd=tmp_path, check=True, timeout=600, env=os.environ | dict(PYTHONPATH=str(tmp_path)))
    tmp_path = tmp_path / "docs"
    pages = {p: Page(p.read_text(encoding="utf-8")) for p in tmp_path.rglob("*.html")}
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 12e6
    lost = []
    for path, page in pages.items():
        for link in page.links:
            target, _, anchor = link.partition("#")
            if re.match(r"(https?:|data:|mailto:)", link):
                if not link.startswith(("data:", "https://pdoc.dev", "https://")):
                    lost.append((path.name, link))
                continue
            file = (path.parent / target).resolve() if target else path
            if file not in pages or anchor and anchor not in pages[file].ids:
                lost.append((str(path.relative_to(tmp_path)), link))
    assert not lost, lost[:10]
    for module in MODULES:
        page = pages[tmp_path / f"{module.replace('.', '/')}.html"]
        names = {*getattr(importlib.import_module(module), "__all__", [])}
        assert not {n for n in names if n not in page.ids}, module
    home = pages[tmp_path / "rugpt_core.html"]
    assert "rugpt_core/common/errors.html#RugptError" in home.links


def test_no_docstring_breaks_in_the_middle_of_a_line():
    "A short line that ends in no mark, and goes on in lower case, is a line that an editor broke a second time."
    broken = []
    for path in [p for folder in ("rugpt_core", "benchmarks", "study", "tests") for p in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
                continue
            lines = [line.strip() for line in (ast.get_docstring(node) or "").split("\n")]
            broken += [
                (path.name, getattr(node, "name", ""), line)
                for line, after in zip(lines, lines[1:], strict=False)
                if line and len(line) < 60 and line[-1] not in ".:;,?!`" and after[:1].islower()
            ]
    assert not broken
