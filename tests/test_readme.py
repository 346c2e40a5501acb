"""README.md and README.ru.md: the same headings and commands, what is made comes from the files. Every command that
they or the other pages show runs in a fresh checkout."""
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, copy_checkout, use_environment

from rugpt_core.runs.layout import STAGES

PAGES = {name: (ROOT/name).read_text(encoding="utf-8") for name in ("README.md", "README.ru.md")}
[CARD] = (str(p.relative_to(ROOT)) for p in ROOT.glob("models/*/README.md"))
OTHER_PAGES = ("CONTRIBUTING.md", "study/README.md", "benchmarks/README.md", "data/sample/README.md", CARD)
STARTS = ("rugpt ", "make ", "papermill ", "torchrun ", "pip ", "eval ", "source ", "python ", ".venv/bin/")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page):
    """Code blocks, their comments left out: (language, lines)."""
    return [(kind, [re.sub(r"\s+#.*", "", line) for line in body.splitlines()])
            for kind, body in re.findall(r"^```(\w+)\n(.*?)^```", page, re.S | re.M)]


def commands(page):
    """What a reader can type: lines of `sh` blocks and of indented ones, and code that begins with a command."""
    found = [line for kind, lines in blocks(page) if kind == "sh" for line in lines]
    found += [line for line in re.findall(r"^    (\S.*)", page, re.M) if line.startswith(STARTS)]
    text = re.sub(r"^```.*?^```|<!-- made: map.*?<!-- end -->", "", page, flags=re.S | re.M)
    found += [code for code in re.findall(r"`([^`\n]+)`", text) if code.startswith(STARTS)]
    return set(found)


def test_both_have_the_same_headings_and_code():
    heads = [re.findall(r"^(#+) ", re.sub(r"^```.*?^```", "", p, flags=re.S | re.M), re.M) for p in PAGES.values()]
    assert heads[0] == heads[1] and len(heads[0]) > 9
    english, russian = map(blocks, PAGES.values())
    assert [kind for kind, _ in english] == [kind for kind, _ in russian]
    assert [b for b in english if b[0] != "text"] == [b for b in russian if b[0] != "text"]
    first = [[line.split()[0] for line in lines] for page in (english, russian) for kind, lines in page
             if kind == "text"]
    assert first[0] == first[1]


def test_what_is_made_comes_from_the_files():
    for path, text in load(ROOT/"docs/readme.py").made().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name}: run `make readme`"


def test_the_map_names_every_module():
    for page in PAGES.values():
        rows = dict(re.findall(r"^\| \*\*`(\w+)`\*\* .+? \| (.*) \|$", page, re.M))
        assert rows.keys() == {p.parent.name for p in (ROOT/"rugpt_core").glob("*/__init__.py")}
        for package, row in rows.items():
            named = dict(re.findall(r"`(\w+)` ([^|]+?)(?:<br>|$)", row))
            files = {p.stem for p in (ROOT/"rugpt_core"/package).glob("*.py")} - {"__init__", "__main__"}
            assert named.keys() == files, f"{package}: run `make readme`"
            assert all(len(words.split()) > 1 for words in named.values())
    stale = set(load(ROOT/"docs/readme.py").russian_words()["modules"])
    assert stale == {f"{p.parent.name}.{p.stem}" for p in (ROOT/"rugpt_core").glob("*/*.py") if p.stem[0] != "_"}


def test_links_lead_to_files():
    for page in PAGES.values():
        links = re.findall(r"\]\(([^)#]+)\)", page)
        assert len(links) > 12 and not [link for link in links if not (ROOT/link).exists()]


def test_the_figure_has_a_white_ground():
    for lang in ("en", "ru"):
        svg = (ROOT/f"figures/readme/decoding.{lang}.svg").read_text(encoding="utf-8")
        assert svg.index("fill: #ffffff") < svg.index('id="axes_1"')


# How each command is tried. {run}: a finished run, {work}: an empty folder; behind the last ` || ` is what it must say.
# A limit or a folder that the README leaves to the reader is made small.
FAST = {
    "rugpt presets": "rugpt presets || own",
    "rugpt presets demo": "rugpt presets demo || vocab_size",
    "rugpt clean FILE.jsonl": "rugpt clean articles.jsonl || \"reasons\": []",
    "rugpt judge FILE.jsonl": "rugpt judge answers.jsonl || \"accepted\"",
    "rugpt generate --prompt \"Байкал —\"": "rugpt generate --prompt \"Байкал —\" --max-tokens 8 || Байкал —",
    "rugpt generate --model published --prompt \"Байкал —\"":
        "rugpt generate --model published --prompt \"Байкал —\" --max-tokens 8 || Байкал —",
    "rugpt generate --model published --interactive":
        "echo Байкал | rugpt generate --model published --interactive --max-tokens 4 || Байкал",
    "rugpt study --list": "rugpt study --list || cells",
    "rugpt stage clean": "rugpt stage clean || current",
    "rugpt planted --help": "rugpt planted --help || seeds",
    "rugpt rate --help": "rugpt rate --help || pairs",
    "rugpt plan --recipes": "rugpt plan --recipes || rtx-4090",
    "eval \"$(register-python-argcomplete rugpt)\"":
        "eval \"$(register-python-argcomplete rugpt)\" && complete -p rugpt || python_argcomplete",
    "source .venv/bin/activate": "source .venv/bin/activate && command -v python || bin/python",
}
SLOW = {
    "rugpt generate": "rugpt generate --prompt Река --max-tokens 8 || Река",
    "make setup": "make setup && test -x .venv/bin/python && echo ready || ready",
    "make test": "make test PYTEST_ADDOPTS=--collect-only || tests/test_readme.py",
    "make lab": "BROWSER=true timeout -k 20 60 make lab >{work}/lab.txt 2>&1 & for n in $(seq 120); do sleep .5; "
        "grep -q http:// {work}/lab.txt && break; done; kill $!; wait $!; cat {work}/lab.txt || http://",
    "make ru": "make ru && git diff --exit-code notebooks/ru && echo same || same",
    "make readme": "make readme && git diff --exit-code README.md README.ru.md && echo same || same",
    "rugpt run --source articles.jsonl.gz": "rugpt run --source articles.jsonl.gz || report.ru.pdf",
    "rugpt run --source 'dumps/*.parquet' --set text_field=content --depth 4 --minutes 30 --run-dir /big/run1":
        "rugpt run --source 'dumps/*.parquet' --set text_field=content --depth 4 --minutes 0.2 --run-dir {work}/run1"
        " --until train || [6/6] train",  # the command above goes on to the report
    "rugpt run --preset wiki40b": "rugpt run --preset wiki40b --source articles.jsonl.gz --until clean || clean",
    "rugpt run --run-dir DIR": "rugpt run --run-dir {run} || current",
    "rugpt run": "rugpt run --until explore || explore",
    "rugpt run --synthesis openai --set llm_base_url=http://127.0.0.1:8000/v1":
        "rugpt run --preset smoke --run-dir {work}/asked --synthesis openai --set llm_base_url={server}"
        " --set llm_timeout=3 --set n_topic_articles=6 --set n_rewrites=2 --until synthesize || synthesize",
    "rugpt plan --corpus 4.1GB --memory 12GB --hours 24":
        "rugpt plan --corpus 4.1GB --memory 12GB --hours 24 || blocks",
    "rugpt plan": "rugpt plan --corpus 100MB --card rtx-3060 || blocks",
    "rugpt run --source articles.jsonl.gz --set device=cuda --depth 8 --minutes 120":
        "rugpt run --source articles.jsonl.gz --set device=cuda --depth 8 --minutes 0.2 --run-dir {work}/cuda"
        " || {cuda}",
    "rugpt train --run-dir runs/own --depth 8 --minutes 120":
        "{bare} && rugpt train --run-dir {work}/bare --depth 1 --minutes 0.1 || bits",
    "rugpt train": "{bare} && rugpt train --run-dir {work}/bare --minutes 0.1 || bits",
    "rugpt run --source articles.jsonl.gz --until tokenize":
        "rugpt run --source articles.jsonl.gz --until tokenize --run-dir {work}/tokenized || tokenize",
    "torchrun --nproc_per_node 2 -m rugpt_core train --run-dir runs/own":
        "{bare} && torchrun --nproc_per_node 2 -m rugpt_core train --run-dir {work}/bare --minutes 0.1 || bits",
    "rugpt synthesize --dry-run": "rugpt synthesize --dry-run || requests",
    "rugpt bins FILE --out RUN/tokens --tokenizer OTHER_RUN":
        "rugpt bins articles.jsonl --out {work}/more/tokens --tokenizer {run} || tokens",
    "rugpt train --run-dir RUN --init-from OTHER_RUN":
        "rugpt bins articles.jsonl --out {work}/on/tokens --tokenizer {run} && "
        "rugpt train --run-dir {work}/on --init-from {run} --minutes 0.1 || bits",
    "rugpt import ckpt.pt --out DIR": "rugpt import ckpt.pt --out {work}/imported || imported",
    "rugpt export": "rugpt export || gguf",
    "rugpt serve": "rugpt serve --port 8753 & for i in $(seq 90); do sleep 1; kill -0 $! 2>/dev/null || wait $! ||"
        " exit; curl -s 127.0.0.1:8753/v1/models && kill -INT $! && exit 0; done; exit 1 || {served}",
    "rugpt analyze": "rugpt analyze || analysis.html",
    "rugpt report": "rugpt report || report.ru.pdf",
    "pip wheel --no-deps .": "pip wheel --no-deps . --no-build-isolation -w {work}/wheels || rugpt",
    "papermill notebooks/02_clean.ipynb out.ipynb -f presets/demo.yml -p run_dir /tmp/run":
        "papermill notebooks/02_clean.ipynb {work}/out.ipynb -f presets/demo.yml -p run_dir {work}/made && "
        "ls {work}/made/clean || articles.parquet",
    "make test-slow": "make test-slow PYTEST_ADDOPTS=--collect-only || tests/test_from_nothing.py",
    "make study-check": "make study-check || all hold",
    "make article": "make article || report/study.ru.pdf",
    ".venv/bin/nbdev-export": ".venv/bin/nbdev-export && git diff --exit-code rugpt_core && echo same || same",
    ".venv/bin/nbdev-update": ".venv/bin/nbdev-update && git diff --exit-code notebooks && echo same || same",
    ".venv/bin/nbdev-clean": ".venv/bin/nbdev-clean && git diff --exit-code notebooks && echo same || same",
    "python notebooks/ru/translate.py --stubs": "python notebooks/ru/translate.py --stubs && echo written || written",
    "python data/sample/build_sample.py": "python data/sample/build_sample.py && git diff --exit-code data/sample && "
        "echo same || same",
    "python data/sample/build_sample.py --check": "python data/sample/build_sample.py --check && echo same || same",
    "python benchmarks/rules.py":
        "rm benchmarks/results/rules.json && python benchmarks/rules.py && ls benchmarks/results/rules.json && "
        "git checkout -q benchmarks || benchmarks/results/rules.json",
    "rugpt study": "rugpt study && ls study/results/smoke || a-bpe8k-blocks-s1.json",
    "rugpt study --preset cpu --list --source ARTICLES":
        "rugpt study --preset cpu --list --source articles.jsonl.gz || hours of one process",
    "rugpt study --preset cpu --source ARTICLES --run-dir runs/study-cpu":
        "rugpt study --preset cpu --source articles.jsonl.gz --run-dir {work}/study-cpu --results {work}/study-results"
        " --minutes 0.01 || 0 failed",
    "rugpt study --preset cpu --source ARTICLES --only a-bpe8k-blocks-s1 --run-dir runs/again"
    " --results runs/again-results": "{grid} --run-dir {work}/again --results {work}/again-results || 1 done",
    "rugpt study --preset cpu --compare runs/again-results":
        "{grid} --run-dir {work}/one --results {work}/first && {grid} --run-dir {work}/two --results {work}/second && "
        "rugpt study --preset smoke --results {work}/first --compare {work}/second || a-bpe2k-blocks-s1",
    f"rugpt generate --model {os.path.dirname(CARD)} --prompt \"Байкал —\"":
        f"rugpt generate --model {os.path.dirname(CARD)} --prompt \"Байкал —\" --max-tokens 8 || Байкал —",
    "rugpt study --flagship RUN": "rugpt study --flagship {run}; test $? = 2 || is not the run of the published model",
}
# What is not tried here, and why.
ELSEWHERE = {
    "make run": "once for all tests: tests/test_from_nothing.py",
    "make docs": "tests/test_docs.py",
    "make bench": "takes hours and wants articles that are not in the repository",
    "make record": "installs llama.cpp and asks a language model for an hour",
    "rugpt run --source": "half of a command, in a sentence",
}


def test_every_command_is_tried():
    english, russian = map(commands, PAGES.values())
    others = set().union(*(commands((ROOT/name).read_text(encoding="utf-8")) for name in OTHER_PAGES))
    tables = FAST.keys() | SLOW.keys() | ELSEWHERE.keys()
    assert not (english | others) - tables, "pages have commands that no test runs"
    assert not tables - (english | others), "tests have commands that no page shows"
    assert len(FAST.keys() | SLOW.keys()) + len(ELSEWHERE) == len(tables)
    assert russian >= english
    stages = {f"rugpt stage {s}" for s in STAGES}
    assert russian - english <= stages


@pytest.fixture(scope="module")
def place(chain, tmp_path_factory):
    """A fresh copy of the checkout with a copy of the finished run, articles, and commands on the PATH."""
    import pandas as pd
    copy, work = (tmp_path_factory.mktemp(n) for n in ("checkout", "work"))
    copy_checkout(copy)
    run = work/"finished"
    shutil.copytree(chain[0], run)
    lines = (ROOT/"data/sample/wiki40b_ru.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)[:80]
    rows = [json.loads(line) for line in lines]
    (copy/"articles.jsonl").write_text("".join(lines), encoding="utf-8")
    subprocess.run(["gzip", "-k", "articles.jsonl"], cwd=copy, check=True)
    answer = dict(way="topic", title="Озеро", source="", style="", reader="", answer=rows[0]["text"][:600])
    (copy/"answers.jsonl").write_text(json.dumps(answer, ensure_ascii=False) + "\n", encoding="utf-8")
    (copy/"dumps").mkdir()
    pd.DataFrame(rows).rename(columns={"text": "content"}).to_parquet(copy/"dumps/part.parquet")
    scripts = work/"bin"  # the commands of this environment, with the module of this copy
    scripts.mkdir()
    for name, code in (("rugpt", "from rugpt_core.cli.main import main"),
                       ("torchrun", "from torch.distributed.run import main"),
                       ("papermill", "from papermill.cli import papermill as main"),
                       ("pip", "from pip._internal.cli.main import main")):
        (scripts/name).write_text(f"#!{sys.executable}\n# PYTHON_ARGCOMPLETE_OK\n{code}\nmain()\n")
        (scripts/name).chmod(0o755)
    installed = use_environment(copy)
    env = os.environ | dict(PYTHONPATH=str(copy), XDG_STATE_HOME=str(work/"state"), RUGPT_TEST_RUN=str(run),
        PATH=os.pathsep.join([str(scripts), os.path.dirname(sys.executable), os.environ["PATH"]]))
    for command in (["git", "init", "-q"], ["git", "add", "-A"]):
        subprocess.run(command, cwd=copy, check=True, capture_output=True)
    return copy, work, run, env, installed


def tried(place, command, server=""):
    """Run a command as the tables say, in the copy, after a command that used the finished run."""
    import torch
    copy, work, run, env, installed = place
    script, _, says = command.rpartition(" || ")
    if script.startswith(("make", "BROWSER")):  # the environment is there: nothing is set up again
        script = script.replace("make ", f"make {installed} ", 1)
    # what this machine lacks is refused with the remedy
    cuda = "report.ru.pdf" if torch.cuda.is_available() else "cuda"
    served = '"object"' if importlib.util.find_spec("llama_cpp") else 'pip install "rugpt[serve]"'
    bare = f"rm -rf {work}/bare && cp -r {run} {work}/bare && rm -r {work}/bare/model"  # a run that is to be trained
    grid = "rugpt study --preset smoke --only a-bpe2k-blocks-s1 --source articles.jsonl.gz"
    for name, value in dict(bare=bare, grid=grid, run=run, work=work, server=server, cuda=cuda, served=served).items():
        script, says = script.replace(f"{{{name}}}", str(value)), says.replace(f"{{{name}}}", str(value))
    state = work/"state/rugpt/last.json"
    state.parent.mkdir(parents=True, exist_ok=True)
    state.write_text(json.dumps({str(copy): str(run)}))
    done = subprocess.run(["bash", "-c", script], cwd=copy, env=env, capture_output=True, text=True, timeout=900)
    said = done.stdout + done.stderr
    refused = "device=cuda" in command and cuda == "cuda" or "{served}" in command and "pip" in served
    assert done.returncode == (2 if refused else 0), f"{script}\n{said[-3000:]}"
    assert says.strip() in said and "Traceback" not in said, f"{script}\n{said[-3000:]}"


@pytest.mark.parametrize("command", FAST)
def test_a_short_command_runs(command, place):
    tried(place, FAST[command])


@pytest.mark.slow
@pytest.mark.parametrize("command", SLOW)
def test_a_long_command_runs(command, place):
    if "ckpt.pt" in command:
        nanogpt_checkpoint(place[0]/"ckpt.pt")
    if "llm_base_url" not in command:
        return tried(place, SLOW[command])
    from fault_server import fault_server
    with fault_server(place[1]/"server.log", "--slow", "0.1", "--pause", "0.01", "--without", "wait") as url:
        tried(place, SLOW[command], server=url)


@pytest.mark.slow
def test_the_code_of_the_model_card_writes_a_text():
    """As it stands there, by transformers, in the folder that holds the model; no hub is asked."""
    [code] = re.findall(r"^```python\n(.*?)^```", (ROOT/CARD).read_text(encoding="utf-8"), re.S | re.M)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT/"models", env=os.environ | dict(HF_HUB_OFFLINE="1"),
        capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    assert re.match(r"\s*Байкал.{40}", done.stdout, re.S), done.stdout


def nanogpt_checkpoint(path):
    """A ckpt.pt as nanoGPT writes it."""
    import torch
    wide, layers, vocabulary, context = 32, 1, 300, 32
    shapes = {"wte.weight": (vocabulary, wide), "wpe.weight": (context, wide), "ln_f.weight": (wide,)}
    for i in range(layers):
        shapes |= {f"h.{i}.ln_1.weight": (wide,), f"h.{i}.ln_2.weight": (wide,),
            f"h.{i}.attn.c_attn.weight": (3*wide, wide), f"h.{i}.attn.c_proj.weight": (wide, wide),
            f"h.{i}.mlp.c_fc.weight": (4*wide, wide), f"h.{i}.mlp.c_proj.weight": (wide, 4*wide)}
    state = {f"transformer.{k}": torch.randn(v)*.02 for k, v in shapes.items()}
    state["lm_head.weight"] = state["transformer.wte.weight"]
    args = dict(n_layer=layers, n_head=2, n_embd=wide, block_size=context, bias=False, vocab_size=vocabulary,
        dropout=0.)
    torch.save(dict(model=state, model_args=args, iter_num=7, best_val_loss=3., config=dict(dataset="ru")), path)
