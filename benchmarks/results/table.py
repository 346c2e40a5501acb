"""The README's table of measurements, made from the JSON files beside this script and put into notebooks/index.ipynb."""
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
INDEX = HERE.parents[1]/"notebooks/index.ipynb"
FILES = {"clean": "cleaning", "tokenize": "text to bins", "train": "training", "generate": "writing", "analyze": "analysis"}
WRITTEN = ("rugpt screened, 262,144 pieces", "rugpt int8, 40,000 pieces", "transformers, 262,144 pieces")  # of many more rows
HEAD = """## Measured

Made from `benchmarks/results/` by `make readme`; every file names its machine, and `make bench` measures again. Medians, the
smallest and the largest in brackets. nanoGPT is here its model and loop as `benchmarks/peers/` writes them down; a
checkout is measured with `--nanogpt PATH`. Speed of training is that of float32 unless a row says bfloat16, which
`dtype=auto` takes on processors that have it (this one had). `benchmarks/LOG.md` has what did not work.

| what | who | measured | against |
| --- | --- | --- | --- |
"""


def shown(name: str, row: dict) -> bool:
    """Rows that compare; of the many of writing only some; of cleaning its own speed and memory too."""
    if name == "generate" and row["who"] not in WRITTEN:
        return False
    return row["ratio_to"] not in (None, row["who"]) or name == "clean" and row["who"] == "rugpt" and "CPU" not in row["metric"]


def line(row: dict, what: str) -> str:
    """A row of the table."""
    number = lambda x: f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}"  # noqa: E731
    spread = f" ({number(row['min'])} to {number(row['max'])}, {row['runs']} runs)" if row["runs"] > 1 else ""
    against = f"{number(row['ratio'])} × {row['ratio_to']}" if row["ratio_to"] else ""
    measured = f"{row['metric']}, {number(row['median'])} {row['unit']}{spread}"
    return f"| {what}: {row['work']} | {row['who']} | {measured} | {against} |"


def table() -> str:
    """The whole section."""
    lines = []
    for name, what in FILES.items():
        path = HERE/f"{name}.json"
        if path.is_file():
            lines += [line(r, what) for r in json.loads(path.read_text(encoding="utf-8"))["rows"] if shown(name, r)]
    return HEAD + "\n".join(lines)


def main():
    notebook = json.loads(INDEX.read_text(encoding="utf-8"))
    cell = next(c for c in notebook["cells"] if "".join(c["source"]).startswith("## Measured"))
    cell["source"] = table().splitlines(keepends=True)
    INDEX.write_text(json.dumps(notebook, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
