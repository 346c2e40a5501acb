"""Attempts at every command: odd paths, numbers, encodings, state files. One line, exit code 2, nothing written."""

import argparse
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from test_generate import command, refused

from rugpt_core.cli.main import build_parser
from rugpt_core.cli.options import count_number, finite_number, seed_number, whole_number
from rugpt_core.common.errors import RugptError, disk_errors, explained
from rugpt_core.common.files import locked
from rugpt_core.corpus.cleaning import Options, clean_chunk
from rugpt_core.corpus.readers import RawArticle
from rugpt_core.modeling.checkpoint import load_state
from rugpt_core.modeling.model import ModelConfig, config_dict, config_from
from rugpt_core.runs.parameters import check_names, known_parameters, parse_settings

SAMPLE = str(ROOT / "data/sample/wiki40b_ru.jsonl")
LONG, HUGE = "я" * 130, "9" * 5000  # 260 bytes; more digits than Python reads

# FILES are made in the folder D; R is a finished run
FILES = {
    "bytes.txt": b"\xff\x80\x00\x01",
    "empty.txt": b"",
    "list.jsonl": b"[]\n",
    "null.jsonl": b'{"prompt": null}\n',
    "g.parquet": b"PAR1xxxxPAR1",
    "g.jsonl.gz": b"xx",
    "g.jsonl.zst": b"xx",
    "g.jsonl.bz2": b"xx",
    "g.xml": b"<a>",
    "g.csv": b'a,b\n"',
    "rows.yml": b"- 1\n",
    "deep.yml": b"a: {b: {c: 1}}\n",
    "pairs.csv": b"a,b\n1\n",
    "ckpt.pt": b"PK\x03\x04garbage",
    "bins/train.bin": b"abc",
    "bins/val.bin": b"",
    "made/export.json": b"{}",
    "judged/me.jsonl": b"1\n",
    "hf/config.json": b'{"model_type": "qwen3"}',
    "hf/model.safetensors": b"\x02\0\0\0\0\0\0\0{}",
    "hf2/config.json": b'{"model_type": "gpt2", "vocab_size": "9", "n_positions": 8, "n_layer": 1, "n_head": 0}',
    "hf2/model.safetensors": b"\x02\0\0\0\0\0\0\0{}",
    "hf3/config.json": b"[]",
    "folder/run.json/x": b"",
    "brackets.jsonl": b"[[[[",
    "open.json": b'[{"text": "a"},\n',
    "half.jsonl": b'{"prompt": "\\ud800"}\n',
    "ids/train.bin": b"\1\0" * 500,
    "ids/val.bin": b"\1\0" * 500,
}
ATTEMPTS = """
run --preset smoke --run-dir /proc/x
run --preset smoke --run-dir /dev/null
run --preset smoke --run-dir /dev/full/x
run --preset smoke --run-dir D/LONG
run --preset D
run --preset D/no.yml
run --preset ../../presets/smoke
run --preset LONG
run --preset smoke --set =
run --preset smoke --set limit=٣
run --preset smoke --set limit=1:30
run --preset smoke --set seed=010
run --preset smoke --set off_rules=[[[[[
run --прес x
generate R --prompt а --samples 1000000000000 --max-tokens 1
generate R --file D/bytes.txt
generate R --file D/empty.txt
generate R --file D
generate R --file D/list.jsonl
generate R --file D/null.jsonl
generate R --file D/half.jsonl
generate R --prompt а --top-k -1
generate R --prompt а --temperature 1e999
generate R --prompt а --prompt-tokens 0
generate R --prompt а --strategy no
generate --checkpoint D --prompt а
generate --checkpoint SAMPLE --prompt а
export R --out R/model
export R --out D/e --name ..
export R --out D/e --upload nope
export R --out D/e --upload ../a
export R --out D/e --upload a/b?c
import D/ckpt.pt --out D/i
import D --out D/i
import D/hf --out D/i
import D/hf2 --out D/i
import D/hf3 --out D/i
run --run-dir D/folder
clean D/brackets.jsonl
clean D/open.json
generate --run-dir D/folder --prompt а
serve R --host 999.1.1.1
serve R --port 99999999999
serve R --threads -5
serve --export D
serve --export D/made --kind f16
train --run-dir D/none
train --run-dir D/t --bins D
train --run-dir D/t --bins D/bins --vocab-size 300 --depth 1 --steps 1
train --run-dir D/t --bins D/ids --vocab-size -300 --depth 1 --steps 1
train R --set batch_size=0
plan --corpus 1000000000000000000000GB --hours 1e999
plan --corpus 0GB
plan --corpus 1GB --card x
plan --corpus 1GB --price -1
plan --corpus 1GB --vocab-size -1 --memory 8GB
bins SAMPLE --out D/b --vocab-size 1 --limit 5
bins SAMPLE --out D/b --vocab-size 1000000000 --limit 5
bins SAMPLE --out D/b --val-share 1 --limit 5
bins SAMPLE --out D/b --limit -1
bins SAMPLE --out D/b --tokenizer D --limit 5
bins SAMPLE --out R --limit 5
clean D/g.parquet
clean D/g.jsonl.gz
clean D/g.jsonl.zst
clean D/g.jsonl.bz2
clean D/g.xml
clean D/g.csv
clean SAMPLE --set templates_file=D/rows.yml
clean SAMPLE --set templates_file=D/deep.yml
clean SAMPLE --set near_duplicate=.nan
clean SAMPLE --set off_rules=3
judge D
judge SAMPLE --llm-judge nope
judge SAMPLE --llm-judge replay --judge-recording D/none.jsonl
analyze R --out D/an --bootstrap 0
analyze R --out D/an --bootstrap 1000000000000
analyze R --out D/an --corpus D/none
analyze R --out D/an --minimal-pairs D/pairs.csv
rate R --out D/ra --pairs 0
rate R --out D/ra --set zz
rate R --out D/judged --results
planted --seeds 0 --out D/p.json
presets ../x
presets D
presets /dev/full
study --list --synthetic D/none
study --list --synthetic D
analyze R --out D/an --model D
analyze R --out D/an --corpus SAMPLE --tokenizer D
plan --corpus 1GB --memory 1KB
plan --corpus 1GB --memory 1GB --block-size 1000000000
plan --corpus 1GB --block-size -1 --memory 8GB
run --preset smoke --run-dir D/r --set llm_engine=openai --set llm_base_url=http://[::1
run --preset smoke --run-dir D/r --set llm_engine=openai --set llm_base_url=http://h:99999999/v1
run --preset smoke --run-dir D/r --set n_layer=1000000
synthesize --dry-run --run-dir D/none
report --run-dir D/none
"""


@pytest.mark.parametrize("attempt", ATTEMPTS.strip().splitlines())
def test_attempts(chain, capsys, tmp_path, attempt):
    for name, data in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    before = {p for p in tmp_path.rglob("*") if p.is_file()}
    args = []
    for word in attempt.split():
        if word == "R":
            args += ["--run-dir", chain[0]] if args[-1] != "--out" else [chain[0]]
        else:
            word = word.replace("LONG", LONG).replace("SAMPLE", SAMPLE).replace("R/", f"{chain[0]}/")
            args.append(str(tmp_path) + word[1:] if word == "D" or word.startswith("D/") else
                        word.replace("=D/", f"={tmp_path}/"))
    refused(capsys, [], *args)
    assert {p for p in tmp_path.rglob("*") if p.is_file() and p.name != "pairs.json"} == before


ROWS = {
    "clean": [b"\xff\xfe\x00", b'{"text": NaN}', b'{"text": 1}', b"[1]", b"[" * 100_000,
              b'{"text": "a", "title": {"a": 1}}',
              b'{"text": "a", "id": ' + HUGE.encode() + b"}"],
    "judge": [b"1", b"[]", b"{}", b'{"answer": 1}', b'{"answer": "x", "way": 3}', b'{"answer": "x", "way": "zzz"}',
              b"\xff", b'{"answer": "x", "source": [1]}', b"[" * 100_000, b'{"answer": ' + HUGE.encode() + b"}"],
}  # fmt: skip


@pytest.mark.parametrize("name, row", [(name, row) for name, rows in ROWS.items() for row in rows],
                         ids=lambda x: str(x)[:24])
def test_rows_of_standard_input(capsys, monkeypatch, name, row):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(row + b"\n"), encoding="utf-8"))
    refused(capsys, [], name)


@pytest.mark.parametrize("text", ["{}", "[]", "null", "1", '{"preset": 1, "params": []}', HUGE,
                                  '{"preset": "smoke", "params": {"seed": null}}', '{"params": {"nope": 1}}', "\0"],
                         ids=lambda t: t[:40])
def test_a_run_whose_description_is_something_else(capsys, tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    refused(capsys, ["run.json"], "run", "--run-dir", tmp_path, "--until", "explore")
    assert (tmp_path / "run.json").read_text() == text


@pytest.mark.parametrize("text", ["{}", "[]", "null", '{"a": 3}', '{"a": "/nowhere"}', "\0", HUGE], ids=lambda t: t[:9])
def test_what_commands_remember_is_nothing_to_rely_on(monkeypatch, tmp_path, text):
    (tmp_path / "rugpt").mkdir()
    (tmp_path / "rugpt/last.json").write_text(text)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert command("generate", "--prompt", "а") == 2


@pytest.mark.parametrize("text", ['{"bos_token": 3}', '{"bos_token": {"content": []}}', '{"bos_token": {"a": 1}}',
                                  '{"rugpt_name": 1}', '{"bos_token": "\\ud800"}', "[]", "\ufeff{}", ""])
def test_a_tokenizer_whose_description_is_something_else(chain, capsys, tmp_path, text):
    folder = shutil.copytree(chain[0]/"tokens/tokenizer", tmp_path/"tok")
    (folder/"tokenizer_config.json").write_text(text, encoding="utf-8")
    refused(capsys, ["tokenizer_config.json"], "bins", SAMPLE, "--out", tmp_path/"b", "--tokenizer", folder)
    assert not (tmp_path/"b").exists()


NESTED = (("[", "]"), ("{{", "}}"), ("[[", "]]"), ("[[a|", "]]"), ("(", ")"), ("<b>", "</b>"), ("<ref>", "</ref>"),
          ("&amp;", ""), ("&", "amp;"), ("''", "''"), ("{|", "|}"), ("«", "»"), ("== ", " =="), ("\u200b[", "]"))


@pytest.mark.parametrize("form", ["", "wikitext"])
@pytest.mark.parametrize("opening, closing", NESTED)
def test_an_article_of_brackets_alone_ends_no_chain(opening, closing, form):
    """However deep, beside each other or as a title; what is left of it is at rest."""
    n = 400
    texts = [opening * n + "река" + closing * n, (opening + closing) * n, (opening + "а ") * n]
    raws = [RawArticle("file", str(k), "", t, f"a:{k}", title, form) for k, t in enumerate(texts)
            for title in ("Река", "\ufffd", t[:60])]
    rows = clean_chunk(raws, Options()).rows
    again = clean_chunk([RawArticle("file", r["source_id"], "", r["text"], "a", r["title"]) for r in rows], Options())
    assert len(rows) == 9 and json.dumps(again.rows)


@pytest.mark.parametrize("piece", ["<ref> слово</ref> ", "{{}}", "[[а]]", " ", "— ", "а, ", "(а "])
def test_a_line_that_repeats_itself_takes_no_square(piece):
    """Two thousand pieces a hundredth of a second, thirty thousand at most some tenths; a square would take minutes."""
    start = time.process_time()
    clean_chunk([RawArticle("file", "1", "", piece * 30_000, "a:1", "Река")], Options())
    assert time.process_time() - start < 8


# commands with one path P that a person gives; R is a finished run
WITH_A_PATH = """
run --preset smoke --run-dir P
run --source P --run-dir D/r
run --preset smoke --run-dir D/r --set topics_file=P
run --preset smoke --run-dir D/r --set init_from=P
stage clean --run-dir P
synthesize --dry-run --run-dir P
report --run-dir P
generate --run-dir R --file P
generate --run-dir R --prompt а --out P
generate --checkpoint P --prompt а
export --run-dir R --out P
serve --export P
train --run-dir P
train --run-dir D/t --bins P
plan --source P --memory 1GB
bins P --out D/b
bins SAMPLE --out P --limit 5 --vocab-size 300
import P --out D/i
clean P
clean SAMPLE --set templates_file=P
judge P
judge SAMPLE --work-dir P
analyze --run-dir R --generations x=P
analyze --run-dir R --human P
analyze --run-dir R --corpus P
rate --run-dir R --out P
planted --seeds 1 --out P
study --cells P --list
study --results P --check
"""
NOWHERE = {"loop": "links lead in a circle", "loop/x": "links lead in a circle", "file/x": "is no folder",
           "/dev/full": "is no folder|is a pipe or a device|is no plain file", "LONG/x": "shorter",
           "/dev/full/x": "is no folder", "~nosuchuser/x": "no home folder"}


@pytest.mark.parametrize("attempt", WITH_A_PATH.strip().splitlines())
def test_a_path_that_leads_nowhere_is_named_and_not_called_missing(chain, capsys, tmp_path, attempt):
    (tmp_path/"loop").symlink_to("loop")
    (tmp_path/"file").touch()
    before = sorted(tmp_path.rglob("*"))
    for path, words in NOWHERE.items():
        path = path.replace("LONG", LONG)
        path = path if path[0] in "/~" else str(tmp_path/path)
        places = {"P": path, "R": chain[0], "SAMPLE": SAMPLE}
        args = [f"{word[:-1]}{path}" if word.endswith("=P") else
                str(places.get(word, word.replace("D/", f"{tmp_path}/")))
                for word in attempt.split()]
        assert command(*args) == 2
        said = capsys.readouterr().err.strip()
        assert said.count("\n") == 0 and "missing" not in said and re.search(words, said), said
        assert LONG in said or path.removesuffix("/x") in said, said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_path_without_the_right_to_it():
    """Said as such for what is read, whoever would read it."""
    code = """
import os, sys
from rugpt_core.cli.main import main
os.setgid(65534); os.setuid(65534)
for args in (["clean", sys.argv[1]+"/private/a.jsonl"], ["clean", sys.argv[1]+"/mine.jsonl"],
             ["report", "--run-dir", sys.argv[1]+"/private"], ["plan", "--source", sys.argv[1]+"/private"]):
    try: main(args)
    except SystemExit as e: print(e.code)
"""
    if os.getuid():
        pytest.skip("needs another user")
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to others
        os.chmod(folder, 0o755)
        (Path(folder)/"private").mkdir(mode=0o700)
        for name in ("private/a.jsonl", "mine.jsonl"):
            (Path(folder)/name).write_text("{}")
            (Path(folder)/name).chmod(0o600)
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, cwd=ROOT,
                              env=os.environ | {"XDG_STATE_HOME": folder})
    assert done.stdout.split() == ["2"]*4, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 4, lines
    assert all(folder in x and "ermission denied: give yourself the right" in x for x in lines), lines


FORMS = {"object": "{1: 2}", "text": "hello", "deep": "a: {b: {c: 1}}", "bytes": b"\xff\xfe\0",
         "texts that are none": "topics: [{key: 1, ru: [2], en: 3, description: 4}, {key: b, ru: 1, en: 1, about: 1}]",
         "numbers that are none": "x: {input: .nan, output: .inf}", "a class that is a list": "sample: [1]",
         "titles that are lists": "history: {a: [[1], {b: 2}]}"}
NAMING = ("templates_file topics_file titles_file prices_file llm_recording topic_maps_file gold_topics minimal_pairs "
          "personas_file gemma_path").split()


@pytest.mark.parametrize("parameter", NAMING)
def test_a_file_of_another_form_is_refused_before_any_stage_starts(capsys, tmp_path, parameter):
    suffix = {"llm_recording": ".jsonl", "gold_topics": ".jsonl", "minimal_pairs": ".csv"}.get(parameter, ".yml")
    for kind, text in FORMS.items():
        file = tmp_path/f"f{suffix}"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        refused(capsys, [f"f{suffix}"], "run", "--preset", "smoke", "--run-dir", tmp_path/"r", "--set",
                f"{parameter}={file}")
        assert not (tmp_path/"r/explore").exists(), kind


@pytest.mark.parametrize("name, data", [("e.txt", b"\xff"), ("e.jsonl", b"[1]\n"), ("e.jsonl", b'{"text": 3}\n'),
                                        ("e.parquet", b"PAR1"), ("o.txt", b" \n"), ("o.yml", b"[1]")])
def test_texts_that_are_none_are_refused_before_any_stage_starts(capsys, tmp_path, name, data):
    (tmp_path/name).write_bytes(data)
    parameter = "evaluation_files" if name[0] == "e" else "other_texts"
    refused(capsys, [name], "run", "--preset", "smoke", "--run-dir", tmp_path/"r", "--set",
            f"{parameter}={tmp_path/name}")
    assert not (tmp_path/"r/explore").exists()


@pytest.mark.parametrize("given, said", [
    ("llm_base_url=file:///etc/passwd", "llm_base_url"), ("llm_base_url=javascript:1", "llm_base_url"),
    ("llm_base_url=http://u:p@h/v1", "llm_base_url"), ("llm_judge=transformers", "judge_model_path"),
    ("topics_file=PRICES", "not a list of topics"), ("rewrite_styles=[nope]", "unknown style")])
def test_a_dry_run_is_refused_as_the_run_would_be(chain, capsys, given, said):
    given = ["--set", given.replace("PRICES", str(ROOT/"data/prices.yml")), "--set", "llm_engine=openai"]
    given += [] if "llm_base_url" in given[1] else ["--set", "llm_base_url=http://127.0.0.1:9/v1"]
    for dry in ([], ["--dry-run"]):
        refused(capsys, [], "synthesize", *dry, "--run-dir", chain[0], *given)
        capsys.readouterr()
    command("synthesize", "--dry-run", "--run-dir", chain[0], *given)
    assert re.search(said, capsys.readouterr().err)


def options_of_numbers():
    commands = next(a.choices for a in build_parser()._actions if isinstance(a, argparse._SubParsersAction))
    for name, parser in commands.items():
        needed = [x for a in parser._actions if a.required and a.option_strings for x in (a.option_strings[0], "x")]
        needed += ["clean" if a.dest == "names" else "x" for a in parser._actions
                   if not a.option_strings and a.nargs != "?"]
        for a in parser._actions:
            if a.type in (whole_number, count_number, seed_number, finite_number):
                yield [name, *needed], a.option_strings[-1], a.type is finite_number


def test_no_option_of_any_command_takes_a_number_that_is_none():
    """Told by its name; `--` is what Python's own parser would take for no value at all."""
    tried, parser = 0, build_parser()
    for command_line, option, with_point in options_of_numbers():
        own = ["1e999"] if with_point else ["1e3", "9" * 30]
        for text in ("nan", "inf", "-inf", "9" * 5000, "", "--", "0x10", *own):
            with pytest.raises(RugptError, match=option):
                parser.parse_args([*command_line, f"{option}={text}"])
            tried += 1
    assert tried > 400


def test_no_parameter_takes_a_number_that_is_none(monkeypatch):
    tried, known = 0, known_parameters()
    monkeypatch.setattr("rugpt_core.runs.parameters.known_parameters", lambda: known)  # read once
    for p in known.values():
        if p.type not in ("int", "float"):
            continue
        for text in (".nan", ".inf", "-.inf", "9" * 30, "9" * 5000, "1e999", "[1]", "null", "true", "{}", "'1'"):
            with pytest.raises(RugptError, match=p.name if len(text) < 5000 else "--set"):
                check_names(parse_settings([f"{p.name}={text}"]), known, "--set")
            tried += 1
    assert tried > 600


def test_a_current_folder_that_was_removed(tmp_path):
    code = "import os, sys; from rugpt_core.__main__ import run; os.rmdir(os.getcwd()); run()"
    (tmp_path/"gone").mkdir()
    done = subprocess.run([sys.executable, "-c", code, "presets"], cwd=tmp_path/"gone", capture_output=True, text=True,
                          env=os.environ | {"PYTHONPATH": str(ROOT)}, timeout=60)
    assert done.returncode == 2 and done.stderr == "rugpt: the current folder is gone. Change to one that is there\n"


def test_a_file_is_not_overwritten_by_the_name_of_a_folder(chain, capsys, tmp_path):
    (tmp_path/"f").write_text("mine")
    refused(capsys, ["is the name of a folder"], "generate", "--run-dir", chain[0], "--prompt", "а", "--out",
            f"{tmp_path}/f/")
    refused(capsys, ["is the name of a folder"], "planted", "--seeds", "1", "--out", f"{tmp_path}/f/")
    refused(capsys, ["from 1 to 1,000"], "planted", "--seeds", str(10**15), "--out", tmp_path/"p")
    refused(capsys, ["resamples"], "analyze", "--run-dir", chain[0], "--bootstrap", str(10**15), "--out", tmp_path/"a")
    assert os.listdir(tmp_path) == ["f"] and (tmp_path/"f").read_text() == "mine"


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "a device"])
@pytest.mark.parametrize("name", [".lock", ".chain"])
def test_a_lock_that_is_something_else(capsys, tmp_path, name, kind):
    place = tmp_path/"r"/name
    place.parent.mkdir()
    place.mkdir() if kind == "a folder" else os.mkfifo(place) if kind == "a pipe" else place.symlink_to("/dev/full")
    if name == ".lock":
        with pytest.raises(RugptError, match="no plain file"), locked(place.parent, "trying"):
            pass
    else:
        refused(capsys, ["is no plain file", name], "run", "--until", "explore", "--run-dir", place.parent)


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("closed, args, code", [("<&-", ["clean"], 0), (">&-", ["presets"], 0),
    ("2>&-", ["presets"], 0), ("2>/dev/full", ["run", "--preset", "no"], 2)])
def test_streams_that_are_closed_or_full_are_as_empty_ones(tmp_path, closed, args, code, unbuffered):
    command_line = [sys.executable, "-m", "rugpt_core", *args]
    env = os.environ | {"XDG_STATE_HOME": str(tmp_path), "PYTHONUNBUFFERED": unbuffered}  # else it writes at its end
    done = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *command_line], capture_output=True, text=True,
                          cwd=ROOT, env=env, timeout=120)
    assert done.returncode == code and done.stderr == "" and bool(done.stdout) == (closed == "2>&-")


def test_a_folder_in_the_place_of_a_page(capsys, tmp_path):
    (tmp_path/"r/notebooks/01_explore.ipynb").mkdir(parents=True)
    refused(capsys, ["01_explore.ipynb", "in the place of a page"], "run", "--until", "explore", "--preset", "smoke",
            "--run-dir", tmp_path/"r")


BUILT = ("n_head n_kv_head n_embd block_size batch_size grad_accum vocab_size depth n_layer tasks llm_concurrency "
         "threads n_prompts prompt_tokens max_new_tokens bootstrap_samples").split()


@pytest.mark.parametrize("name", BUILT)
def test_a_size_beyond_all_machines_is_refused_at_once(name):
    """What is built, started or written one by one has a largest number; what only bounds something has none."""
    known = known_parameters()
    for size in (10**9, 10**18, 2**63 - 1):
        with pytest.raises(RugptError, match=f"{name} is {size}"):
            check_names({name: size}, known, "--set")
    assert check_names({"limit": 10**18}, known, "--set") == {"limit": 10**18}


ODD_SIZES = [10**18, 10**400, -1, 2.5, float("nan"), "9", True, None, []]


@pytest.mark.parametrize("name", ["vocab_size", "block_size", "n_layer", "n_head", "n_embd", "d_ff"])
@pytest.mark.parametrize("value", ODD_SIZES, ids=lambda v: str(v)[:12])
def test_a_configuration_is_looked_at_before_anything_is_built_from_it(name, value):
    with pytest.raises(RugptError, match=f"c.json: describes no model: {name} is"):
        config_from(config_dict(ModelConfig()) | {name: value}, "c.json")


@pytest.mark.parametrize("name, value", [("family", "x"), ("family", []), ("family", None), ("gelu", {}),
    ("dropout", float("nan")), ("dropout", "0"), ("rope_theta", 0), ("rope_theta", float("inf"))])
def test_what_else_a_configuration_may_get_wrong(name, value):
    with pytest.raises(RugptError, match="c.json: describes no model"):
        config_from(config_dict(ModelConfig()) | {name: value}, "c.json")


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "lost link"])
def test_a_state_that_is_something_else_is_not_taken_for_none(tmp_path, kind):
    """Else a training would begin anew, and say so only when it saves."""
    last = tmp_path / "last.json"
    assert load_state(tmp_path) is None
    if kind in ("folder", "pipe"):
        last.mkdir() if kind == "folder" else os.mkfifo(last)
    else:
        last.symlink_to("last.json" if kind == "loop" else "nowhere")
    with pytest.raises(RugptError, match=r"last\.json"):
        load_state(tmp_path)


def test_a_pipe_in_the_place_of_a_file_that_is_copied_over(tmp_path):
    """Whoever copies it: the pipe is named, and nobody waits for it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "file").touch()
    with pytest.raises(shutil.SpecialFileError) as e:
        shutil.copy(tmp_path / "file", tmp_path / "pipe")
    assert f"{tmp_path}/pipe" in str(explained(e.value)) and "plain file" in str(explained(e.value))


def test_a_size_that_no_memory_holds_is_said_as_such(tmp_path):
    with pytest.raises(RugptError, match="memory ran out"), disk_errors(tmp_path):
        torch.empty(10**18, 600)
