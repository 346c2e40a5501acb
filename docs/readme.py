"""The parts of both READMEs that come from files: the study's findings, a text of the published model, six
measurements, the map of the modules, the figure.

`make readme` runs this. A part stands between `<!-- made: NAME -->` and `<!-- end -->`, in notebooks/index.ipynb (which
becomes README.md) and in README.ru.md. `modules.ru.yml` has the Russian words for packages, modules and measurements.
"""
import ast
import json
import re
import sys
from pathlib import Path

import yaml

from rugpt_core.study.article import article_facts, ledger
from rugpt_core.study.claims import read_claims
from rugpt_core.study.results import read_results
from rugpt_core.views.style import md_text

ROOT = Path(__file__).resolve().parents[1]
INDEX, RUSSIAN = ROOT/"notebooks/index.ipynb", ROOT/"README.ru.md"
PACKAGES = ("common", "runs", "metrics", "corpus", "modeling", "tokenization", "topics", "synthesis", "training",
            "generation", "convert", "evaluation", "views", "report", "study", "cli")  # as they build on each other
HEADS = {"map": {"en": "| package | modules |\n| --- | --- |\n", "ru": "| пакет | модули |\n| --- | --- |\n"},
         "measured": {"en": "| what | who | measured | against |\n| --- | --- | --- | --- |\n",
                      "ru": "| что | кто | измерено | в сравнении |\n| --- | --- | --- | --- |\n"}}
SIX = (  # file, words of the row's work, who, metric, beside whom; None: beside whom the file has it
    ("clean", "first", "rugpt", "input text cleaned", "datatrove"),
    ("tokenize", "gemma", "rugpt, tokenizers", "text to bins", "nanoGPT's way"),
    ("train", "vocabulary 262,144", "ours, whole vocabulary", "training tokens", None),
    ("train", "vocabulary 262,144", "ours, whole vocabulary", "peak memory", None),
    ("curves", "2 min", "ours", "held-out text", "nanoGPT"),
    ("generate", "batch 1,", "rugpt screened, 262,144 pieces", "tokens written, wall time", "nanoGPT, 262,144 pieces"))
WORK = {"clean": "cleaning", "tokenize": "text to bins", "train": "training", "curves": "training",
        "generate": "writing"}


def russian_words() -> dict:
    """What `modules.ru.yml` says: packages, modules, measured."""
    return yaml.safe_load((ROOT/"docs/modules.ru.yml").read_text(encoding="utf-8"))


def modules(package: str) -> dict[str, str]:
    """Module → what its first sentence says, up to a colon."""
    found = {}
    for path in sorted((ROOT/"rugpt_core"/package).glob("*.py")):
        if path.stem not in ("__init__", "__main__", "_modidx"):
            about = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            about = about.split("\n")[0].split(". ")[0].rstrip(".")
            head = about.partition(":")[0]
            found[path.stem] = head if len(head.split()) > 1 else about
    return found


def package_map(lang: str) -> str:
    """A row for each package, with every module and a few words on it."""
    russian, rows = russian_words(), []
    for package in PACKAGES:
        face = ast.get_docstring(ast.parse((ROOT/f"rugpt_core/{package}/__init__.py").read_text(encoding="utf-8")))
        names = modules(package)
        about = face.split("\n")[0].split(". ")[0].rstrip(".")
        if lang == "ru":
            lacks = [m for m in names if f"{package}.{m}" not in russian["modules"]]
            if lacks:
                raise SystemExit(f"docs/modules.ru.yml has no line for {', '.join(f'{package}.{m}' for m in lacks)}")
            names = {m: russian["modules"][f"{package}.{m}"] for m in names}
            about = russian["packages"][package]
        lines = "<br>".join(f"`{m}` {words}" for m, words in names.items())
        rows.append(f"| **`{package}`** {about} | {lines} |".replace("\\", "\\\\"))
    return HEADS["map"][lang] + "\n".join(rows)


def number(x: float, lang: str) -> str:
    """Three significant figures, as the language writes them."""
    text = f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"
    return text.replace(",", "\u00a0").replace(".", ",") if lang == "ru" else text


def row_of(rows: list[dict], work: str, who: str, metric: str) -> dict:
    """The first row of a piece of work."""
    for row in rows:
        if work in row["work"] and (row["who"], row["metric"]) == (who, metric):
            return row
    raise SystemExit(f"no row of {who}, {metric}, {work} in benchmarks/results: name another one in SIX")


def measured(lang: str) -> str:
    """The six rows that matter; all of them are in benchmarks/README.md."""
    lines, russian = [], russian_words()["measured"]
    said = (lambda text: russian[text]) if lang == "ru" else (lambda text: text)  # noqa: E731
    for name, work, who, metric, peer in SIX:
        rows = json.loads((ROOT/f"benchmarks/results/{name}.json").read_text(encoding="utf-8"))["rows"]
        row = row_of(rows, work, who, metric)
        peer = peer or row["ratio_to"]  # nanoGPT's checkout, or the stand-in for it
        ratio = row["ratio"] if row["ratio_to"] == peer else row["median"]/row_of(rows, work, peer, metric)["median"]
        low, high = (number(row[k], lang) for k in ("min", "max"))
        spread = "" if row["runs"] < 2 else f" ({low} to {high}, {row['runs']} runs)" if lang == "en" else \
            f" (от {low} до {high}, замеров: {row['runs']})"
        value = f"{said(metric)}, {number(row['median'], lang)} {said(row['unit'])}{spread}"
        what = f"{WORK[name]}: {row['work']}" if lang == "en" else russian[f"{name}, {work}"]
        lines.append(f"| {what} | {said(who)} | {value} | {number(ratio, lang)} × {said(peer)} |")
    return HEADS["measured"][lang] + "\n".join(lines)


FINDINGS = (("greedy-repeats", "top-p-does-not"), ("names-unsupported", "people-names", "strategies-trade"),
            ("gemma-costs", "trimmed-costs"))


def findings(lang: str) -> str:
    """Three lines: what the study found, as its ledger of claims says it now."""
    claims = [c for c in read_claims() if c.preset == "cpu"]
    said = ledger(claims, read_results("cpu"), lang)
    return "\n".join("- " + " ".join(said[id]["sentence"] for id in line) for line in FINDINGS)


def sample(lang: str) -> str:
    """The first text of the published model that was drawn."""
    first = next(t for t in article_facts()["samples"] if t["strategy"] == "top_p")
    return f"> **{first['prompt']}** {md_text(first['text'])}"


PARTS = {"findings": findings, "sample": sample, "measured": measured, "map": package_map}


def filled(text: str, lang: str) -> str:
    """A text with its made parts as the files have them now."""
    def part(found: re.Match) -> str:
        return f"<!-- made: {found[1]} -->\n\n{PARTS[found[1]](lang)}\n\n<!-- end -->"
    return re.sub(r"<!-- made: (\w+) -->.*?<!-- end -->", part, text, flags=re.S)


def index() -> str:
    """The notebook with its made parts filled in."""
    notebook = json.loads(INDEX.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        cell["source"] = filled("".join(cell["source"]), "en").splitlines(keepends=True)
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def figure(lang: str) -> str:
    """The study's figure on a white ground, so that a dark page shows it too."""
    svg = (ROOT/f"figures/study/strategies.{lang}.svg").read_text(encoding="utf-8")
    return svg.replace("fill: none", "fill: #ffffff", 1)  # the first patch is the ground


def made() -> dict[Path, str]:
    """Every file that this script writes, with its text."""
    return {INDEX: index(), RUSSIAN: filled(RUSSIAN.read_text(encoding="utf-8"), "ru"),
            **{ROOT/f"figures/readme/decoding.{lang}.svg": figure(lang) for lang in ("en", "ru")}}


def main():
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
