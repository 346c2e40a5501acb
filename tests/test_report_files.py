"""Files of a run that are JSON, but not what the report expects: one error that names the place, nothing else."""

import json
import shutil

import pytest
from fake_run import make_run

from rugpt_core.common.errors import RugptError
from rugpt_core.report.facts import flatten, gather
from rugpt_core.report.pages import notebook_page
from rugpt_core.report.stage import draw_figures

ODD = ["{}", "[]", "null", "1", '"x"', '{"a": NaN}', '[{"a": 1e999}]', "[null]", '{"sets": []}', '{"sets": {"a": 1}}',
       "9" * 5000, '{"params": 1, "counts": [], "outputs": 0, "versions": {}, "timing": null}', "[[[[", ""]  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("made") / "run", n=20, nasty=False)


FILES = (
    "run.json artifacts/metrics.json artifacts/manifest.json clean/manifest.json clean/funnel.json clean/rules.json "
    "clean/examples.json clean/timing.json synthetic/variety.json topics/names.json topics/evaluation.json "
    "tokens/meta.json tokens/comparison.json model/summary.json model/gpt2/log.jsonl generations/strategies.json "
    "generations/human.jsonl generations/manifest.json"
).split()


@pytest.mark.parametrize("name", FILES)
def test_odd_files(made, tmp_path, name):
    run = tmp_path / "run"
    shutil.copytree(made, run)
    whole = (run / name).read_text(encoding="utf-8")
    for text in ODD:
        (run / name).write_text(text)
        try:
            facts = gather(run)
            if name.endswith("log.jsonl"):
                draw_figures(facts, run, "en")
            json.dumps(flatten(facts), allow_nan=False)
        except RugptError as e:
            assert run.name in str(e) and "\n" not in str(e), text
    (run / name).write_text(whole, encoding="utf-8")
    gather(run)


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"cells": 1}', '{"cells": [1]}', '{"cells": [{}]}', "[[[["])
def test_odd_notebooks(tmp_path, text):
    path = tmp_path / "01_explore.ipynb"
    path.write_text(text)
    with pytest.raises(RugptError, match="01_explore"):
        notebook_page(path, tmp_path)
