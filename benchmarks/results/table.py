"""Tables of measurements, made from the JSON files beside this script: all rows for benchmarks/README.md, six for the
README."""
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
INDEX = HERE.parents[1]/"notebooks/index.ipynb"
FILES = {"clean": "cleaning", "tokenize": "text to bins", "train": "training", "generate": "writing",
    "analyze": "analysis"}
# of many more rows
WRITTEN = ("rugpt screened, 262,144 pieces", "rugpt int8, 40,000 pieces", "transformers, 262,144 pieces")
PAGE = HERE.parent/"README.md"
COLUMNS = """| what | who | measured | against |
| --- | --- | --- | --- |
"""
HEAD = """# Measurements

Made from `benchmarks/results/` by `make readme`; each file names its machine, and `make bench` measures again. Medians,
the smallest and the largest in brackets. nanoGPT is here its model and loop as `benchmarks/peers/` writes them down; a
checkout is measured with `--nanogpt PATH`. Speed of training is that of float32 unless a row says bfloat16, which
`dtype=auto` takes on processors that have it (this one had). `benchmarks/LOG.md` has what did not work.

"""
SHORT = """## Measured

Medians, the smallest and the largest in brackets; [benchmarks/README.md](benchmarks/README.md) has all rows, the
machine and how to measure again, `benchmarks/LOG.md` what did not work.

"""
SIX = (  # file, words of the row's work, who, metric
    ("clean", "first", "rugpt", "input text cleaned"), ("tokenize", "gemma", "rugpt, tokenizers", "text to bins"),
    ("train", "vocabulary 262,144", "ours, whole vocabulary", "training tokens"),
    ("train", "vocabulary 262,144", "ours, whole vocabulary", "peak memory"),
    ("train", "held-out bytes", "ours, 2 min, default recipe", "held-out text"),
    ("generate", "batch 1,", "rugpt screened, 262,144 pieces", "tokens written, wall time"))


def shown(name: str, row: dict) -> bool:
    """Rows that compare; of the many of writing only some; of cleaning its own speed and memory too."""
    if name == "generate" and row["who"] not in WRITTEN:
        return False
    return row["ratio_to"] not in (None,
        row["who"]) or name == "clean" and row["who"] == "rugpt" and "CPU" not in row["metric"]


def line(row: dict, what: str) -> str:
    """A row of the table."""
    number = lambda x: f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"  # noqa: E731
    spread = f" ({number(row['min'])} to {number(row['max'])}, {row['runs']} runs)" if row["runs"] > 1 else ""
    against = f"{number(row['ratio'])} × {row['ratio_to']}" if row["ratio_to"] else ""
    measured = f"{row['metric']}, {number(row['median'])} {row['unit']}{spread}"
    return f"| {what}: {row['work']} | {row['who']} | {measured} | {against} |"


def rows_of(name: str) -> list[dict]:
    """The rows of a file of results; none where it was not measured."""
    path = HERE/f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["rows"] if path.is_file() else []


def table() -> str:
    """The whole page."""
    lines = [line(r, what) for name, what in FILES.items() for r in rows_of(name) if shown(name, r)]
    return HEAD + COLUMNS + "\n".join(lines) + "\n"


def short_table() -> str:
    """The section of the README."""
    lines = []
    for name, work, who, metric in SIX:
        found = [r for r in rows_of(name) if work in r["work"] and (r["who"], r["metric"]) == (who, metric)
            and r["ratio_to"]]
        if not found:
            raise SystemExit(f"{name}.json has no row of {who}, {metric}, {work}: name another one in SIX")
        lines.append(line(found[0], FILES[name]))
    return SHORT + COLUMNS + "\n".join(lines)


def main():
    PAGE.write_text(table(), encoding="utf-8")
    notebook = json.loads(INDEX.read_text(encoding="utf-8"))
    cell = next(c for c in notebook["cells"] if "".join(c["source"]).startswith("## Measured"))
    cell["source"] = short_table().splitlines(keepends=True)
    INDEX.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
