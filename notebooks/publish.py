"""Writes the pipeline notebooks, the Russian ones too, with the outputs of a finished run, so that they can be read
where they lie. `make publish` runs this for the preset that is published, after a run of it."""
import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

from fastcore.nbio import write_nb
from nbdev.clean import clean_nb
from nbdev.config import get_config

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import json_digest, read_json
from rugpt_core.report.pages import clean_output
from rugpt_core.runs.chain import stage_of
from rugpt_core.runs.layout import STAGES
from rugpt_core.runs.parameters import chain_parameters, load_preset, read_run, stage_parameters

HERE = Path(__file__).resolve().parent
PRESET = "demo"
PUBLISHED = [stage for stage in STAGES if STAGES[stage].notebook]
MOST = 200_000  # bytes of the outputs of a cell
CLOCK = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d|\b\d\d:\d\d:\d\d\b|cpu_seconds|tokens_per_second|\btok/s\b")
SHOWN = ("image/svg+xml", "text/html", "image/png", "text/plain")  # what is kept of an output: the first that it has


def path_of(stage, lang="en"):
    """The notebook of a stage."""
    return HERE/("ru" if lang == "ru" else "")/f"{STAGES[stage].notebook}.ipynb"


def own_values(stage, preset):
    """What the preset says of a notebook's parameters."""
    return {k: v for k, v in load_preset(preset).items() if k in stage_parameters(stage)}


def sources_digest(cells, stage, preset):
    """Digest of what the outputs follow from here: the code of the cells with their tags, and the preset's values."""
    code = [["".join(c["source"]), c["metadata"].get("tags", [])] for c in cells if c["cell_type"] == "code"]
    return json_digest(dict(code=code, values=own_values(stage, preset)))[:16]


def executed(stage, preset, run_dir, lang):
    """Run a notebook by papermill in a finished run; give the outputs of each cell by its id."""
    import papermill
    with tempfile.TemporaryDirectory(prefix="rugpt-") as folder:
        out = Path(folder)/path_of(stage).name
        papermill.execute_notebook(str(path_of(stage, lang)), str(out), kernel_name="python3", cwd=str(HERE.parent),
            parameters=own_values(stage, preset) | dict(run_dir=str(run_dir)), progress_bar=False,
            coalesce_streams=True, extra_arguments=["--IPKernelApp.log_level=50"])
        cells = read_json(out)["cells"]
    return {c["id"]: c["outputs"] for c in cells if c["cell_type"] == "code"}


def kept(outputs, where):
    """What of a cell's outputs is published: one form of each, and nothing that runs.

    Raises RugptError where a cell failed or wrote warnings."""
    found = []
    for o in outputs:
        if o["output_type"] == "error" or o.get("name") == "stderr":
            said = o.get("evalue") or "".join(o.get("text", ""))
            raise RugptError(f"has an error or a warning: {said[:300]}", where, "mend it: it is no page to publish")
        o = clean_output(o)
        if o is None:
            continue
        if "data" in o:
            best = next(k for k in SHOWN if k in o["data"])
            o["data"] = {k: v for k, v in o["data"].items() if k == best or k == "text/plain" and len(v) < 2000}
        found.append(o)
    return found


def check(cell, where, places):
    """Refuse outputs that are too large, or that show a folder of this machine or a time of the clock.

    Raises RugptError with the cell and what it shows."""
    text = json.dumps(cell["outputs"], ensure_ascii=False)
    words = ["".join(o.get("text", "")) + "".join(o.get("data", {}).get("text/html", "")) for o in cell["outputs"]]
    if len(text.encode()) > MOST:
        raise RugptError(f"has {len(text.encode()):,} bytes of output", where, f"show less: {MOST:,} at most")
    for place in places:
        if place in text:
            raise RugptError(f"shows {place}", where, "show paths relative to the project")
    if found := CLOCK.search("\n".join(words)):
        raise RugptError(f"shows a time of the clock: {found[0]}", where, "move it to a cell tagged `timed`")


def published_values(stage, preset, lang):
    """One sentence: which values the outputs were made with, where they are not those of the parameters cell."""
    declared = stage_parameters(stage)
    other = [f"`{k} = {v!r}`" for k, v in own_values(stage, preset).items() if v != declared[k].default]
    said = ("The outputs below are of preset", "with") if lang == "en" else ("Вывод ниже — с пресетом", "где")
    return f"{said[0]} {preset}" + (f", {said[1]} {', '.join(other)}." if other else ".")


def publish(stage, preset, run_dir, lang="en"):
    """Write a notebook with its outputs; give their bytes. Cells tagged `timed` stay empty: what they show differs
    from run to run."""
    path = path_of(stage, lang)
    nb, outputs = read_json(path), executed(stage, preset, run_dir, lang)
    places = {str(HERE.parent), str(run_dir), tempfile.gettempdir() + "/"}
    for cell in [c for c in nb["cells"] if c["cell_type"] == "code"]:
        tags, where = cell["metadata"].get("tags", []), f"{path.name}, cell {cell['id']}"
        if "parameters" in tags:
            said = {"text/markdown": published_values(stage, preset, lang)}
            cell["outputs"] = [dict(output_type="display_data", metadata={}, data=said)]
        elif {"build", "timed"} & set(tags):
            cell["outputs"] = []
        else:
            cell["outputs"] = kept(outputs[cell["id"]], where)
        check(cell, where, places)
    nb["metadata"]["rugpt"] = dict(preset=preset, sources=sources_digest(nb["cells"], stage, preset))
    config = get_config(path=HERE)
    clean_nb(nb, False, config.allowed_metadata_keys, config.allowed_cell_metadata_keys, config.clean_ids)
    write_nb(nb, path)
    return sum(len(json.dumps(c.get("outputs", []))) for c in nb["cells"])


def main():
    """Publish every notebook of the chain.

    Raises RugptError where the run is not up to date."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default=PRESET)
    parser.add_argument("--run-dir", default="", help="a finished run of the preset; runs/PRESET where none is given")
    args = parser.parse_args()
    run_dir = Path(args.run_dir or HERE.parent/"runs"/args.preset).resolve()
    params = chain_parameters() | (read_run(run_dir) or {}).get("params", {})
    for stage in PUBLISHED:
        if why := stage_of(stage, run_dir, params).why_stale():
            raise RugptError(f"stage {stage}: {why}", str(run_dir), f"rugpt run --preset {args.preset} first")
    for stage, lang in [(s, lang) for lang in ("en", "ru") for s in PUBLISHED]:
        size = publish(stage, args.preset, run_dir, lang)
        print(f"{path_of(stage, lang).relative_to(HERE.parent)}: {size/1e3:,.0f} kB of outputs", flush=True)


if __name__ == "__main__":
    try:
        main()
    except RugptError as e:
        sys.exit(f"publish: {e}")
