"""The chain as a person runs it: progress, skipping, being killed, going on, the same bytes."""
import json
import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import ROOT, RUGPT, outputs, rugpt

from rugpt_core.runs.layout import STAGES


def test_every_stage_ran_and_said_what_it_wrote(chain):
    run_dir, log = chain
    for k, (name, spec) in enumerate(STAGES.items(), 1):
        assert re.search(rf"^\[{k}/{len(STAGES)}\] {name} +\d+:\d\d  .*→ {spec.folder}/ \(\d+ files", log, re.M), log
        manifest = json.loads((run_dir/spec.folder/"manifest.json").read_text())
        assert {"schema", "params", "inputs", "code", "counts", "outputs", "versions", "timing"} <= manifest.keys()
        assert manifest["timing"]["seconds"] > 0 and manifest["timing"]["peak_memory_mb"] > 50
    assert "report.en.html" in log and "report.ru.pdf" in log


def test_the_artifacts_of_the_contract_are_there(chain):
    run_dir, _ = chain
    for name in ("explore/profile.json", "clean/articles.parquet", "clean/rejected.parquet",
            "synthetic/articles.parquet",
                 "synthetic/journal.sqlite", "topics/labels.parquet", "topics/selection.parquet", "tokens/train.bin",
                 "tokens/val.bin", "tokens/meta.json", "tokens/tokenizer/tokenizer.json",
                 "model/gpt2/model.safetensors",
                 "model/qwen3/model.safetensors", "model/qwen3/log.jsonl", "generations/human.jsonl",
                 "artifacts/metrics.json", "report/report.en.html", "report/report.en.pdf", "report/report.ru.html",
                 "report/report.ru.pdf", "report/notebooks/08_artifacts.html"):
        assert (run_dir/name).stat().st_size > 0, name


def test_a_second_run_skips_everything(chain):
    run_dir, _ = chain
    done = rugpt("run", "--run-dir", run_dir, check=0)
    assert done.stdout.count("current, skipped") == len(STAGES), done.stdout


def test_a_changed_parameter_rebuilds_its_stage_and_what_reads_it(chain, tmp_path):
    run_dir = tmp_path/"copy"
    shutil.copytree(chain[0], run_dir)
    before = json.loads((run_dir/"clean/manifest.json").read_text())["timing"]["started"]
    done = rugpt("run", "--run-dir", run_dir, "--until", "clean", "--set", "min_chars=400", check=0)
    assert "[1/2] explore    current, skipped" in done.stdout
    after = json.loads((run_dir/"clean/manifest.json").read_text())
    assert after["params"]["min_chars"] == 400 and after["timing"]["started"] != before
    assert json.loads((run_dir/"run.json").read_text())["params"]["min_chars"] == 400


@pytest.mark.slow
def test_killed_in_every_stage_the_outputs_are_the_same_bytes(chain, tmp_path):
    """SIGKILL soon after each stage begins; the last run goes on to the end."""
    run_dir = tmp_path/"killed"
    for stage in list(STAGES):
        process = subprocess.Popen([*RUGPT, "run", "--preset", "smoke", "--run-dir", str(run_dir)], cwd=ROOT,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in process.stdout:
            if re.match(rf"\[\d+/\d+\] {stage} .*…", line):
                break
        else:
            pytest.fail(f"stage {stage} never began")
        time.sleep(2.5)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
    rugpt("run", "--run-dir", run_dir, check=0)
    assert outputs(run_dir) == outputs(chain[0])
    leftovers = [p.name for p in run_dir.iterdir() if p.name.endswith((".tmp", ".old"))]
    assert not leftovers


def test_ctrl_c_keeps_what_is_finished(tmp_path):
    process = subprocess.Popen([*RUGPT, "run", "--preset", "smoke", "--run-dir", str(tmp_path/"run")], cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for line in process.stdout:
        if re.match(r"\[2/\d+\] clean .*…", line):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "stopped; finished stages are kept" in err and "Traceback" not in err
    assert (tmp_path/"run/explore/manifest.json").is_file()


def test_a_failing_stage_names_notebook_cell_and_error(tmp_path):
    source = tmp_path/"cut.jsonl"  # which only reading it finds out
    source.write_text('{"title": "Нева", "text": "Нева течёт."}\n{"title": "Ока", "te')
    done = rugpt("run", "--preset", "smoke", "--run-dir", tmp_path/"run", "--until", "explore", "--source", source)
    assert done.returncode == 2
    assert re.search(r"stage explore \(notebooks/01_explore.ipynb, cell In \[\d+\]\): .*cut.jsonl:2: row is not JSON",
        done.stderr), done.stderr


def test_generate_streams_text(chain):
    done = rugpt("generate", "--run-dir", chain[0], "--prompt", "Байкал", "--max-tokens", 12, check=0)
    again = rugpt("generate", "--run-dir", chain[0], "--prompt", "Байкал", "--max-tokens", 12, check=0)
    assert "Байкал" in done.stdout and len(done.stdout) > 12
    assert done.stdout == again.stdout


def test_help_presets_and_version():
    assert "COMMAND" in rugpt("--help", check=0).stdout
    assert rugpt("--version", check=0).stdout.startswith("rugpt 0.")
    listed = rugpt("presets", check=0).stdout
    assert "demo" in listed and "smoke" in listed
    assert "vocab_size" in rugpt("presets", "demo", check=0).stdout
