"""Keeps the executed notebooks of a large run as a record: what its reader sees of a training that takes hours.

    python notebooks/record.py RUN

Text of the articles that the run was made of is cut out and marked […], as it need not be free to be given on: whatever
stands in the run's articles word for word over eight words or more. Where rules of cleaning are shown at work, four
words are enough to leave out the whole output. What the models wrote stays, copies apart. The notebooks are not
executed again, and say so.
"""
import argparse
import json
import re
import sys
from pathlib import Path

import pyarrow.parquet as pq
from fastcore.nbio import write_nb
from nbdev.clean import clean_nb
from nbdev.config import get_config
from publish import HERE, kept

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import read_json
from rugpt_core.runs.layout import STAGES

RUN, RUNS = 8, {"clean": 4}  # words in a row that make a quotation, by stage where it is another number
WORD, MARKS, TAG, CUT = re.compile(r"[\w\u0300-\u036f]+"), re.compile("[\u0300-\u036f]"), re.compile(r"<[^>]*>"), "[…]"
STAGES_SHOWN = "explore,clean,classify,tokenize,train,generate,artifacts"
HEAD = ("*A record of the run that trained the published model. Text of its articles is cut out and marked […]. It was "
        "not executed again since: the notebook of the same name one folder up is what runs today.*")


def words_of(text):
    """Words of a text with their places; tags are none."""
    blank = TAG.sub(lambda m: " "*len(m[0]), text)
    return [(m.start(), m.end(), MARKS.sub("", m[0]).lower().replace("ё", "е")) for m in WORD.finditer(blank)]


def word_runs(texts, length=RUN):
    """Every run of so many words in the texts, as hashes."""
    found = set()
    for text in texts:
        words = [w for _, _, w in words_of(text)]
        found.update(hash(tuple(words[i:i + length])) for i in range(len(words) - length + 1))
    return found


def quoted(words, known, length=RUN):
    """First and last word of each quotation; what lies between two of them and is shorter than one belongs to them."""
    spans = []
    for i in range(len(words) - length + 1):
        if hash(tuple(w for _, _, w in words[i:i + length])) not in known:
            continue
        if spans and i <= spans[-1][1] + length:
            spans[-1][1] = i + length - 1
        else:
            spans.append([i, i + length - 1])
    return spans


def without_quotations(text, known, length=RUN):
    """The text with its quotations cut out of everything between tags, and their number."""
    words, place, parts = words_of(text), 0, []
    spans = quoted(words, known, length)
    for first, last in spans:
        start, end = words[first][0], words[last][1]
        parts += [text[place:start], CUT, *TAG.findall(text[start:end])]
        place = end
    return "".join([*parts, text[place:]]), len(spans)


def renamed(text, names):
    """The text with names in place of paths, the longest path first."""
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return text


def path_names(nb, run):
    """What stands in place of each path of this machine: the last part of it, and one name for the run's folder."""
    given = nb["metadata"]["papermill"]["parameters"]
    paths = {v: Path(v).name for v in given.values() if isinstance(v, str) and Path(v).is_absolute()}
    return paths | {given.get("run_dir", str(run)): "runs/flagship", str(run): "runs/flagship"}


def cleaned(cell, where, quotations, names):
    """Outputs of a cell as they are published, without quotations and paths; the number of quotations."""
    if "build" in cell["metadata"].get("tags", []):
        return [], 0
    found, cut = kept(cell["outputs"], where), 0
    for output in found:
        holder = output.get("data", output)
        for form in [k for k in holder if k.startswith("text")]:
            text, n = without_quotations("".join(holder[form]), *quotations)
            holder[form], cut = CUT if n and quotations[1] < RUN else renamed(text, names), cut + n
    return found, cut


def record(path, quotations, run, home):
    """Write one notebook's record; give the number of quotations that were cut out.

    Raises RugptError where it still shows a folder of this machine."""
    nb, total = read_json(path), 0
    names = path_names(nb, run)
    for cell in nb["cells"]:
        cell["source"] = renamed("".join(cell["source"]), names)
        if cell["cell_type"] == "code":
            cell["outputs"], cut = cleaned(cell, f"{path.name}, cell {cell['id']}", quotations, names)
            total += cut
        for place in (str(run.parent), str(HERE.parent), str(Path.home())):
            if place != "/" and place + "/" in json.dumps(cell, ensure_ascii=False):
                raise RugptError(f"shows {place}", f"{path.name}, cell {cell['id']}", "give the path as a parameter")
    nb["cells"][0]["source"] += "\n\n" + HEAD
    nb["metadata"]["rugpt"] = dict(record=run.name)
    config = get_config(path=HERE)
    clean_nb(nb, False, config.allowed_metadata_keys, config.allowed_cell_metadata_keys, config.clean_ids)
    home.mkdir(parents=True, exist_ok=True)
    write_nb(nb, home/path.name)
    return total


def main():
    """Record the notebooks of a run.

    Raises RugptError where the run has none of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", help="folder of a finished run")
    parser.add_argument("--to", default=str(HERE/"flagship"), help="folder of the records")
    parser.add_argument("--stages", default=STAGES_SHOWN, help="with commas")
    args = parser.parse_args()
    run = Path(args.run).resolve()
    articles = run/"clean"/"articles.parquet"
    if not articles.is_file():
        raise RugptError("no such file", str(articles), "name a run whose articles are there: they show what is quoted")
    texts = pq.read_table(articles, columns=["text"], use_threads=False)["text"].to_pylist()
    known = {length: word_runs(texts, length) for length in (RUN, *RUNS.values())}
    for stage in args.stages.split(","):
        path = run/"notebooks"/f"{STAGES[stage].notebook}.ipynb"
        if not path.is_file():
            raise RugptError("no such file", str(path), "finish the run, or leave the stage out of --stages")
        length = RUNS.get(stage, RUN)
        cut = record(path, (known[length], length), run, Path(args.to))
        print(f"{path.name}: {cut} quotations cut out", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RugptError as e:
        sys.exit(f"record: {e}")
