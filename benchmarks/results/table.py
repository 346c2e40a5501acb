"""The table of measurements in benchmarks/README.md, made from the JSON files beside this script; docs/readme.py takes
six of them for the README."""
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = {"clean": "cleaning", "tokenize": "text to bins", "train": "training", "generate": "writing",
    "curves": "training", "steps": "a step", "steps_avx2": "a step",
    "steps_gram": "a step", "analyze": "analysis"}
# of many more rows
WRITTEN = ("rugpt screened, 262,144 pieces", "rugpt int8, 40,000 pieces", "transformers, 262,144 pieces")
PAGE = HERE.parent/"README.md"
COLUMNS = """| what | who | measured | against |
| --- | --- | --- | --- |
"""
HEAD = """# Measurements

Made from `benchmarks/results/` by `make readme`; each file names its machine, and `make bench` measures again. Medians,
the smallest and the largest in brackets. nanoGPT is its own checkout where one was given (`--nanogpt PATH`), else its
model and loop as `benchmarks/peers/` writes them down; the files of training say which. Speed of training is that of
float32 unless a row says bfloat16, which `dtype=auto` takes where the hardware multiplies it.
`benchmarks/LOG.md` has what did not work.

"""


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
    if not path.is_file():
        return []
    found = json.loads(path.read_text(encoding="utf-8"))
    at = f"{found['machine']}, " if name.startswith("steps") else ""  # measured on more than one
    return [row | dict(work=at + row["work"]) for row in found["rows"]]


def table() -> str:
    """The whole page."""
    lines = [line(r, what) for name, what in FILES.items() for r in rows_of(name) if shown(name, r)]
    return HEAD + COLUMNS + "\n".join(lines) + "\n"


def main():
    PAGE.write_text(table(), encoding="utf-8")


if __name__ == "__main__":
    main()
