"""The command line as a newcomer uses it: own articles, own folder, own terminal, values that meet each other."""
import json
import os
import subprocess

import pytest
import yaml
from conftest import ROOT, RUGPT, rugpt

from rugpt_core.runs.parameters import load_preset, preset_names


def write_articles(path, n=5, field="text"):
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [{"title": f"Река {i}", field: f"Река {i} течёт с гор на равнину. " * 12} for i in range(n)]
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")


def explored(folder, *args):
    """The number of articles that `rugpt run --until explore` finds, called in a folder."""
    rugpt("run", "--preset", "smoke", "--run-dir", "r", "--until", "explore", *args, cwd=folder, check=0)
    return json.loads((folder/"r/explore/profile.json").read_text())["articles"]


@pytest.mark.parametrize("source", ["texts", "../{name}/texts/?.jsonl"])
def test_a_source_is_looked_for_where_the_person_stands(tmp_path, source):
    write_articles(tmp_path/"texts/a.jsonl", 7)
    assert explored(tmp_path, "--source", source.format(name=tmp_path.name)) == 7
    stored = json.loads((tmp_path/"r/run.json").read_text())["params"]["source"]
    assert os.path.isabs(stored)


def test_a_pattern_without_files_names_the_persons_folder(tmp_path):
    done = rugpt("run", "--source", "data/sample/*.csv", "--run-dir", "r", cwd=tmp_path, check=2)
    assert f"{tmp_path}/data/sample/*.csv" in done.stderr


def test_a_text_field_of_another_name(tmp_path):
    write_articles(tmp_path/"a.jsonl", 4, "Содержание")
    done = rugpt("run", "--run-dir", "r", "--until", "explore", "--source", "a.jsonl", cwd=tmp_path)
    assert done.returncode == 2 and "text_field=NAME" in done.stderr
    assert explored(tmp_path, "--source", "a.jsonl", "--set", "text_field=Содержание") == 4


def test_numbers_in_exponents_are_the_same_in_a_preset_and_behind_set(tmp_path):
    (tmp_path/"p.yml").write_text("learning_rate: 5e-4\nmin_cyrillic: 6.5E-1\n")
    assert load_preset(str(tmp_path/"p.yml")) == {"learning_rate": 5e-4, "min_cyrillic": .65}


def test_papermill_is_told_how_to_give_a_type(tmp_path):
    command = [RUGPT[0], "-m", "papermill", ROOT/"notebooks/02_clean.ipynb", tmp_path/"o.ipynb", "-p", "run_dir",
        tmp_path/"r", "-p", "off_rules", "['x']", "--no-progress-bar"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode and "-y 'off_rules: VALUE'" in done.stderr, done.stderr[-2000:]


@pytest.mark.parametrize("encoding", ["cp1251", "ascii", "koi8-r"])
def test_a_terminal_that_lacks_a_letter_ends_no_command(chain, encoding):
    command = [*RUGPT, "generate", "--run-dir", chain[0], "--prompt", "Волга ≈ 🐟 ёж", "--max-tokens", "4"]
    done = subprocess.run(command, cwd=ROOT, timeout=120, capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding})
    assert done.returncode == 0, done.stderr
    assert "Волга ≈ 🐟 ёж".encode(encoding, "replace") in done.stdout


def test_a_prompt_in_an_old_encoding_is_read(chain):
    done = subprocess.run([*RUGPT, "generate", "--run-dir", chain[0], "--max-tokens", "3"], cwd=ROOT, timeout=120,
                          capture_output=True, input="Волга впадает в море\n".encode("cp1251"))
    assert done.returncode == 0 and done.stdout.decode().startswith("Волга впадает в море"), done.stderr


def test_a_space_at_the_end_of_a_prompt_changes_nothing(chain):
    plain, spaced = (rugpt("generate", "--run-dir", chain[0], "--prompt", p, "--max-tokens", 8, check=0)
                     for p in ("Озеро", "Озеро  "))
    assert (
        plain.stdout == spaced.stdout
        and "left to the model" in spaced.stderr
        and "left to the model" not in plain.stderr
    )


def test_temperature_zero_is_greedy(chain):
    how = [["--temperature", 0], ["--strategy", "greedy"], ["--strategy", "top_p", "--temperature", 0, "--seed", 3]]
    texts = [rugpt("generate", "--run-dir", chain[0], "--prompt", "Озеро", "--max-tokens", 12, *h, check=0).stdout
        for h in how]
    assert texts[0] == texts[1] == texts[2]


@pytest.mark.parametrize("given, words", [
    (["--depth", 4, "--set", "depth=6"], ["--depth 4", "depth=6"]),
    (["--set", "depth=6", "--set", "n_layer=3"], ["depth 6", "n_layer 3"]),
    (["--minutes", 2, "--set", "max_steps=5"], ["minutes 2", "max_steps 5"]),
    (["--set", "seed=1", "--set", "seed=2"], ["seed is given twice"]),
    (["--synthesis", "none", "--set", "llm_engine=openai"], ["--synthesis none", "llm_engine=openai"])])
def test_own_settings_that_contradict_are_refused_by_name(tmp_path, given, words):
    done = rugpt("run", "--preset", "smoke", "--run-dir", tmp_path/"r", *given, check=2)
    assert all(w in done.stderr for w in words) and done.stderr.count("\n") == 1
    assert not (tmp_path/"r").exists()


def test_what_is_given_now_stands_over_the_run(chain, tmp_path):
    """A run of preset smoke has two layers; a depth given to `train` is trained, and said."""
    (tmp_path/"r").mkdir()
    (tmp_path/"r/tokens").symlink_to(chain[0]/"tokens")
    (tmp_path/"r/run.json").write_text((chain[0]/"run.json").read_text())
    done = rugpt("train", "--run-dir", tmp_path/"r", "--models", "qwen3", "--depth", 3, "--steps", 2, check=0)
    summary = json.loads((tmp_path/"r/model/summary.json").read_text())["qwen3"]
    assert summary["model"]["n_layer"] == 3 and summary["model"]["n_embd"] == 192 and summary["train"]["max_steps"] == 2
    assert "left open again" in done.stdout and "n_embd" in done.stdout


def test_commands_find_the_run_that_was_used_last(chain, tmp_path):
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path/"state")}

    def call(*args):
        return subprocess.run([*RUGPT, *map(str, args)], cwd=tmp_path, capture_output=True, text=True, timeout=120,
            env=env)

    for command in (["generate", "--prompt", "Озеро"], ["export"], ["analyze"], ["serve"]):
        done = call(*command)
        assert done.returncode == 2 and "no run was made from here yet. `rugpt run` makes one" in done.stderr
        assert done.stderr.count("\n") == 1 and not (tmp_path/"runs").exists()
    assert "`rugpt run --until report` builds all" in call("report").stderr
    assert call("run", "--run-dir", chain[0]).returncode == 0
    done = call("generate", "--prompt", "Озеро", "--max-tokens", 3)
    assert done.returncode == 0 and f"run directory {chain[0]}" in done.stderr
    done = call("report")
    assert done.returncode == 0 and str(chain[0]) in done.stderr + done.stdout


def test_a_second_chain_with_other_values_is_refused(tmp_path):
    write_articles(tmp_path/"a.jsonl", 400)
    command = [*RUGPT, "run", "--preset", "smoke", "--run-dir", "r", "--until", "explore", "--source", "a.jsonl"]
    first = subprocess.Popen([*command, "--set", "limit=111"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert first.stdout.readline().startswith("preset") and first.stdout.readline().startswith("[1/1]")
    second = subprocess.run([*command, "--set", "limit=222"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    equal = subprocess.run([*command, "--set", "limit=111"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    first.communicate(timeout=120)
    assert second.returncode == 2 and "limit 111, this one has 222" in second.stderr
    assert (first.returncode, equal.returncode) == (0, 0)
    assert json.loads((tmp_path/"r/run.json").read_text())["params"]["limit"] == 111


def test_presets_that_no_language_model_serves_ask_none():
    for name in ("own", "wiki40b"):
        assert load_preset(name)["llm_engine"] == "none", name
    for name in preset_names():
        assert (ROOT/f"presets/{name}.yml").read_text().startswith("# ")
        assert yaml.safe_load((ROOT/f"presets/{name}.yml").read_text()) == load_preset(name)


@pytest.mark.parametrize("typed, offered", [
    ("rugpt run --preset sm", "smoke"), ("rugpt rep", "report"), ("rugpt run --set min_ch", "min_chars="),
    ("rugpt run --sou", "--source"), ("rugpt presets wiki", "wiki40b")])
def test_a_shell_completes(tmp_path, typed, offered):
    env = os.environ | {"_ARGCOMPLETE": "1", "COMP_LINE": typed, "COMP_POINT": str(len(typed)),
                        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path/"out")}
    subprocess.run(RUGPT, cwd=ROOT, env=env, timeout=60, check=True)
    assert offered in (tmp_path/"out").read_text()


def test_a_run_says_what_it_lost(tmp_path):
    """As shares, in its last lines: rows that cannot be read, articles that are rejected."""
    rows = (ROOT/"data/sample/wiki40b_ru.jsonl").read_text(encoding="utf-8").splitlines()[:30]
    (tmp_path/"b.jsonl").write_text("\n".join([*rows, "{broken", '{"text": "Коротко"}']) + "\n", encoding="utf-8")
    done = rugpt("run", "--run-dir", "r", "--until", "clean", "--source", "b.jsonl", "--set", "on_error=skip",
                 cwd=tmp_path, check=0)
    counts = json.loads((tmp_path/"r/clean/manifest.json").read_text())["counts"]
    last = done.stdout.splitlines()[-2:]
    assert last[0].startswith("not readable: 1 rows, 0 files")
    assert (
        last[1].startswith(f"rejected by cleaning: {counts['rejected'] / 31:.1%} of 31 articles") and counts["rejected"]
    )


def test_a_moved_checkout_is_set_up_again(tmp_path):
    """The stamp of the environment belongs to a folder; nothing is called by a script that holds an old path."""
    here, there = tmp_path/"one", tmp_path/"новое место"
    (here/".venv").mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (here/name).write_text((ROOT/name).read_text(encoding="utf-8"), encoding="utf-8")

    def plan(folder, *more):
        command = ["make", "-n", "run", *more]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=60).stdout

    stamp = next(w for line in plan(here).splitlines() if line.startswith("touch ") for w in line.split()[1:])
    (here/stamp).touch()
    assert "-m venv" not in plan(here) and ".venv/bin/python -m rugpt_core run" in plan(here)
    here.rename(there)
    assert "-m venv" in plan(there) and "was moved" in plan(there)
    assert "bin/rugpt" not in plan(there, "PRESET=smoke")
