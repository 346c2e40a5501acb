"""Who may import whom. A package knows only those listed behind it; nothing imports upwards, and no two files each
other."""
import ast
import importlib
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent/"rugpt_core"
KNOWS = {
    "common": "", "runs": "common", "metrics": "common", "corpus": "common", "modeling": "common",
    "tokenization": "common corpus", "topics": "common metrics", "synthesis": "common corpus metrics topics",
    "training": "common modeling tokenization convert", "generation": "common metrics modeling tokenization",
    "convert": "common modeling tokenization generation",
    "evaluation": "common corpus metrics modeling tokenization topics training generation",
    "views": "common metrics corpus topics synthesis",
    "report": "common metrics modeling views",
    "study": "common corpus metrics modeling tokenization topics training generation convert evaluation views report",
    "cli":
        "common runs corpus synthesis topics tokenization modeling training generation convert evaluation report study",
}
# These may ask runs.layout for the names of folders.
LAYOUT = (
    "generation.stage", "convert.stage", "convert.model_card", "convert.published",
    "report.facts", "report.model_facts", "report.stage",
)
FILES = sorted(p for p in PACKAGE.rglob("*.py") if p.name not in ("_modidx.py", "__init__.py", "__main__.py"))


def name(path):
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def imports(path):
    """Modules of the package that a file imports anywhere in it, as package.module."""
    here = name(path).split(".")
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = (node.module or "").split(".") if node.module else []
            if node.level:
                base = here[:-node.level] + base
            elif base[:1] == ["rugpt_core"]:
                base = base[1:]
            else:
                continue
            for found in [base] if len(base) > 1 else [[*base, a.name] for a in node.names]:
                yield ".".join(found[:2])
        elif isinstance(node, ast.Import):
            yield from (a.name.removeprefix("rugpt_core.") for a in node.names if a.name.startswith("rugpt_core."))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_a_file_imports_only_what_its_package_may_know(path):
    package, *_ = name(path).split(".")
    assert package in KNOWS, f"{path}: a package that the table does not name"
    for found in imports(path):
        other = found.split(".")[0]
        allowed = other == package or other in KNOWS[package].split() or (found == "runs.layout"
            and name(path) in LAYOUT)
        assert allowed, f"{name(path)} imports {found}"


def test_no_circle():
    graph = {name(p): {f for f in imports(p) if (PACKAGE/f.replace(".", "/")).with_suffix(".py").is_file()}
        for p in FILES}
    while free := [m for m, uses in graph.items() if not uses & graph.keys()]:
        for m in free:
            del graph[m]
    assert not graph, f"these import each other in a loop: {sorted(graph)}"


def test_nobody_takes_what_another_module_only_passes_on():
    defined = {}
    for p in FILES:
        names = set()
        for node in ast.parse(p.read_text(encoding="utf-8")).body:
            targets = getattr(node, "targets", [getattr(node, "target", None)])
            names |= {getattr(node, "name", None)} | {x.id for t in targets if t is not None
                                                      for x in ast.walk(t) if isinstance(x, ast.Name)}
        defined[name(p)] = names
    for p in FILES:
        here = name(p).split(".")
        for node in ast.walk(ast.parse(p.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.level or (node.module or "").startswith("rugpt_core.")):
                base = [*here[:-node.level], *(node.module
                    or "").split(".")] if node.level else node.module.split(".")[1:]
                home = ".".join(base)
                if home in defined:
                    passed = [a.name for a in node.names if a.name not in defined[home]]
                    assert not passed, f"{name(p)} takes {passed} from {home}, where they are not defined"


def test_every_import_of_the_package_leads_to_a_file():
    homes = {name(p) for p in FILES}
    for p in FILES:
        lost = {f for f in imports(p) if f not in homes}
        assert not lost, f"{name(p)} imports {sorted(lost)}"


@pytest.mark.parametrize("package", [p for p in KNOWS if p != "cli"])
def test_the_face_of_a_package_gives_what_its_modules_define(package):
    """No public name is that of a module: once imported, the module would stand in its place."""
    face = importlib.import_module(f"rugpt_core.{package}")
    assert 1 <= len(face.__all__) <= 30 and face.__doc__
    for public in face.__all__:
        assert not (PACKAGE/package/f"{public}.py").exists(), f"{package}.{public} is a module too"
        assert getattr(face, public) is not None


def test_small_modules_have_more_than_one_reader():
    """A module under 60 lines that only one other imports belongs into that one."""
    readers = {name(p): set() for p in FILES}
    for p in FILES:
        for found in imports(p):
            readers.get(found, set()).add(name(p))
    text = "".join(p.read_text(encoding="utf-8") for p in PACKAGE.rglob("__init__.py"))
    lonely = [m for m, r in readers.items() if len(r) == 1 and f'"{m.split(".")[1]}"' not in text
              and len((PACKAGE/m.replace(".", "/")).with_suffix(".py").read_text(encoding="utf-8").splitlines()) < 60]
    assert not lonely, f"under 60 lines, and imported by one module alone: {lonely}"
