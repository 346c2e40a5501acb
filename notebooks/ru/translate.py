"""Write the Russian notebooks: the code of notebooks/NN_*.ipynb with the prose of the tables beside this script.

`NN_*.yml` has an entry for every Markdown cell, keyed by the id of the cell: `of` is the digest of the English text,
`en` its first line, `ru` the Russian text. Code cells with words for the reader have `strings`, pairs of English and
Russian. `parameters.yml` translates the comments behind parameters, keyed by the English comment.

    python notebooks/ru/translate.py            writes the notebooks; says which translations are missing
    python notebooks/ru/translate.py --stubs    prints entries to fill in for them
"""
import ast
import hashlib
import json
import re
import sys
from pathlib import Path

import yaml

HERE = Path(__file__).resolve().parent
SOURCES = sorted(HERE.parent.glob("0*.ipynb"))
IMPORT = "from rugpt_core import views"
LANGUAGE = 'views.language("ru")'  # the only line that the English notebooks do not have
PROSE = re.compile(r"[A-Za-z]{2,}[,;:]? [a-z]{2,}|^[a-z]{4,}, ")  # words for a reader, not the name of a column


def digest(source: str) -> str:
    """What an entry says of the English cell that it translates."""
    return hashlib.sha256(source.encode()).hexdigest()[:12]


def table(path: Path) -> dict[str, dict]:
    """The entries for a notebook."""
    file = HERE/f"{path.stem}.yml"
    return yaml.safe_load(file.read_text(encoding="utf-8")) or {} if file.is_file() else {}


def parameter_comments() -> dict[str, str]:
    """English comment behind a parameter → the Russian one."""
    return yaml.safe_load((HERE/"parameters.yml").read_text(encoding="utf-8"))


def cells_of(path: Path) -> list[dict]:
    """The cells of a notebook, sources as one string each."""
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell | dict(source="".join(cell["source"])) for cell in cells]


def prose(source: str) -> list[str]:
    """Texts in a code cell that a person reads."""
    return [n.value for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Constant) and isinstance(n.value, str)
            and PROSE.search(n.value) and "import" not in n.value]


def parameters_in_russian(source: str, lost: list[str]) -> str:
    """The parameters cell with the comments translated; names, types and values stay."""
    known, lines = parameter_comments(), []
    for line in source.split("\n"):
        code, mark, comment = line.partition(" # ")
        if mark and comment not in known:
            lost.append(f"parameter {code.partition(':')[0]}: {comment!r} has no translation in parameters.yml")
        lines.append(code + mark + known.get(comment, comment))
    return "\n".join(lines)


def code_in_russian(source: str, entry: dict | None, lost: list[str]) -> str:
    """A code cell with its words for the reader translated."""
    before = source
    for english, russian in (entry or {}).get("strings") or []:
        if english not in source:
            lost.append(f"the code has no {english!r}")
        source = source.replace(english, russian)
    untouched = set(prose(before)) & set(prose(source)) - set((entry or {}).get("keep") or [])
    lost += [f"{text!r} has no translation in `strings`" for text in sorted(untouched)]
    return f"{source.rstrip()}\n\n{LANGUAGE}" if IMPORT in source.split("\n") else source


def cell_in_russian(cell: dict, entry: dict | None) -> tuple[str, list[str]]:
    """The source of a cell in Russian, and what its translation lacks."""
    source, lost = cell["source"], []
    if "parameters" in cell["metadata"].get("tags", []):
        return parameters_in_russian(source, lost), lost
    if cell["cell_type"] == "code":
        return code_in_russian(source, entry, lost), lost
    if not entry:
        lost.append("has no translation")
    elif entry["of"] != digest(source):
        lost.append(f"has changed: its digest is {digest(source)}, the translation is of {entry['of']}")
    return (entry or {}).get("ru", source), lost


def keep_outputs(notebook: dict, target: Path):
    """Give a notebook the outputs that it was published with, where its code is still that of then."""
    cells = [c for c in notebook["cells"] if c["cell_type"] == "code"]
    shown = [c for c in cells_of(target) if c["cell_type"] == "code"] if target.is_file() else []
    same = [(c["id"], "".join(c["source"])) for c in cells] == [(c["id"], c["source"]) for c in shown]
    made = json.loads(target.read_text(encoding="utf-8"))["metadata"].get("rugpt") if same else None
    notebook["metadata"] = {k: v for k, v in notebook["metadata"].items() if k != "rugpt"} | (
        dict(rugpt=made) if made else {})
    for cell, old in zip(cells, shown if same else cells, strict=True):
        cell |= dict(outputs=old["outputs"] if same else [], execution_count=None)


def russian(path: Path) -> tuple[dict, list[str]]:
    """A notebook in Russian, and what its translations lack: one line each, with the notebook and the cell."""
    notebook, entries, lost = json.loads(path.read_text(encoding="utf-8")), table(path), []
    notebook["cells"] = cells_of(path)
    for cell in notebook["cells"]:
        first = cell["source"].strip().split("\n")[0][:60]
        source, why = cell_in_russian(cell, entries.get(cell["id"]))
        lost += [f"{path.stem}, cell {cell['id']} ({first!r}): {w}" for w in why]
        cell["source"] = source.splitlines(keepends=True)
    gone = entries.keys() - {c["id"] for c in notebook["cells"]}
    lost += [f"{path.stem}.yml, entry {key}: the notebook has no such cell" for key in sorted(gone)]
    keep_outputs(notebook, HERE/path.name)
    return notebook, lost


def text_of(notebook: dict) -> str:
    """A notebook as nbdev writes it."""
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def stubs(path: Path) -> str:
    """Entries for cells without a translation, with the old Russian text where there is one, else the English one."""
    entries, out = table(path), {}
    for cell in cells_of(path):
        old = entries.get(cell["id"], {})
        if cell["cell_type"] == "markdown" and old.get("of") != digest(cell["source"]):
            first = cell["source"].split("\n")[0]
            out[cell["id"]] = {"of": digest(cell["source"]), "en": first, "ru": old.get("ru") or cell["source"]}
    return yaml.safe_dump(out, allow_unicode=True, sort_keys=False, default_style="|", width=10**6) if out else ""


def main():
    if "--stubs" in sys.argv[1:]:
        print(*(f"# {path.stem}.yml\n{found}" for path in SOURCES if (found := stubs(path))), sep="\n")
        return
    missing = []
    for path in SOURCES:
        notebook, lost = russian(path)
        missing += lost
        (HERE/path.name).write_text(text_of(notebook), encoding="utf-8")
    if missing:
        sys.exit("\n".join([*missing, "Fill in the tables in notebooks/ru/ (--stubs prints entries), then `make ru`."]))


if __name__ == "__main__":
    main()
