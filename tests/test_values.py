"""What no stage could be built with is refused before the first stage is built, and nothing is written."""

import importlib
import itertools

import pytest
from test_generate import refused

from rugpt_core.common.errors import RugptError
from rugpt_core.modeling.model import ModelConfig
from rugpt_core.runs.chain import check_chain
from rugpt_core.runs.layout import STAGES
from rugpt_core.runs.parameters import chain_parameters, known_parameters, preset_names
from rugpt_core.runs.values import CHOICES, HUBS, OWN_CHECKS, RANGES, check_limits, check_shape
from rugpt_core.training.config import TrainConfig

# (stage that would refuse it late), what a person gives, words of the line
LATE = [
    ("explore", ["--set", "limit=-1"], ["limit is -1"]),
    ("explore", ["--set", "on_error=ignore"], ["unknown on_error 'ignore'", "stop, skip"]),
    ("explore", ["--source", "nosuch/name"], ["source is missing", "google/wiki40b"]),
    ("explore", ["--source", "google/wiki4ob"], ["source is missing", "google/wiki40b"]),
    ("explore", ["--source", "shards/*.parquet"], ["source is missing", "shards/*.parquet"]),
    ("explore", ["--source", "https://example.test/a.jsonl.gz"], ["is an address", "Download it first"]),
    ("clean", ["--set", "off_rules=[footnote]"], ["unknown rule 'footnote'"]),
    ("clean", ["--set", "off_filters=[stop_words]"], ["unknown filter 'stop_words'"]),
    ("clean", ["--set", "val_share=1"], ["val_share is 1", "below 1"]),
    ("clean", ["--set", "boilerplate=1"], ["boilerplate is 1"]),
    ("clean", ["--set", "executor=k8s"], ["unknown executor 'k8s'"]),
    ("clean", ["--set", "templates_file=none.yml"], ["templates_file is missing", "none.yml"]),
    ("synthesize", ["--synthesis", "gpt"], ["--synthesis", "unknown llm_engine 'gpt'", "replay"]),
    ("synthesize", ["--synthesis", "openai"], ["llm_base_url", "no address"]),
    ("synthesize", ["--synthesis", "openai", "--set", "llm_base_url=localhost:8000"], ["is not an http address"]),
    ("synthesize", ["--synthesis", "transformers"], ["llm_model_path", "no model"]),
    ("synthesize", ["--set", "n_rewrites=-1"], ["n_rewrites is -1"]),
    ("synthesize", ["--set", "llm_recording=gone.jsonl"], ["llm_recording is missing"]),
    ("synthesize", ["--set", "personas_file=gone.txt"], ["personas_file is missing", "gone.txt"]),
    ("synthesize", ["--set", "rewrite_readers=[scool]"], ["unknown reader 'scool'", "Known: school, student, expert"]),
    ("synthesize", ["--max-cost", "-1"], ["--max-cost", "max_cost is -1"]),
    ("classify", ["--set", "classifier=bert"], ["unknown classifier 'bert'"]),
    ("classify", ["--set", "topic_caps=sprt=200"], ["topic 'sprt' is not in the list"]),
    ("classify", ["--set", "topic_shares=sport=2"], ["topic_shares", "share from 0 to 1"]),
    ("classify", ["--set", "gold_topics=gold.jsonl"], ["gold_topics is missing"]),
    ("tokenize", ["--tokenizer", "gpt4"], ["--tokenizer", "unknown tokenizer 'gpt4'", "bpe"]),
    ("tokenize", ["--set", "vocab_size=-5"], ["vocab_size is -5", "at least 300", "or 0"]),
    ("tokenize", ["--set", "vocab_size=100"], ["vocab_size is 100"]),
    ("tokenize", ["--set", "compare_with=[bpe,word]"], ["unknown compare_with 'word'"]),
    ("train", ["--minutes", "-1"], ["--minutes", "minutes is -1"]),
    ("train", ["--depth", "-2"], ["--depth", "depth is -2"]),
    ("train", ["--set", "models=[llama]"], ["unknown models 'llama'", "gpt2, qwen3"]),
    ("train", ["--set", "models=[gpt2,gpt2]"], ["Name each family once"]),
    ("train", ["--set", "n_head=3"], ["n_embd 64 is not a multiple of n_head 3"]),
    ("train", ["--set", "optimizer=sgd"], ["unknown optimizer 'sgd'"]),
    ("train", ["--set", "dropout=1"], ["dropout is 1"]),
    ("train", ["--set", "device=gpu"], ["unknown device 'gpu'"]),
    ("train", ["--set", "init_from=no/such/run"], ["init_from is missing"]),
    ("generate", ["--set", "strategies=[gredy]"], ["unknown strategy 'gredy'"]),
    ("generate", ["--set", "compared=[top-k]"], ["unknown strategy 'top-k'"]),
    ("generate", ["--set", "temperature=-1"], ["temperature is -1"]),
    ("artifacts", ["--set", "bootstrap_samples=10"], ["bootstrap_samples is 10", "at least 100"]),
    ("artifacts", ["--set", "minimal_pairs=pairs.csv"], ["minimal_pairs is missing"]),
]


@pytest.mark.parametrize("stage, given, words", LATE, ids=lambda x: " ".join(x) if isinstance(x, list) else x)
def test_a_value_that_a_later_stage_would_refuse(capsys, tmp_path, monkeypatch, stage, given, words):
    monkeypatch.chdir(tmp_path)
    refused(capsys, words, "run", "--preset", "smoke", "--run-dir", tmp_path / "r", *given)
    assert not (tmp_path / "r").exists()


def test_a_wrong_row_of_personas_is_named_before_any_stage(capsys, tmp_path):
    (tmp_path / "who.txt").write_text("краевед; точен в датах\n\nкраевед\n", encoding="utf-8")
    refused(capsys, ["who.txt:3", "'краевед' stands twice"], "run", "--preset", "smoke", "--run-dir", tmp_path / "r",
        "--set", f"personas_file={tmp_path / 'who.txt'}")
    assert not (tmp_path / "r").exists()


def test_what_only_later_stages_need_is_not_asked_for_on_this_machine(tmp_path):
    """A run is made ready here and trained on a host with a GPU: device=cuda is no mistake up to tokenize."""
    params = chain_parameters("smoke") | {"device": "mps", "minimal_pairs": str(tmp_path / "there.csv")}
    check_chain(["explore", "clean", "synthesize", "classify", "tokenize"], tmp_path, params)
    with pytest.raises(RugptError):
        check_chain(list(STAGES), tmp_path, params)


def has_cuda():
    import torch
    return torch.cuda.is_available()


@pytest.mark.skipif(has_cuda(), reason="this machine has a GPU")
def test_a_device_that_is_not_here(capsys, tmp_path):
    refused(capsys, ["has no cuda"], "run", "--preset", "smoke", "--run-dir", tmp_path / "r", "--set", "device=cuda")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("preset", ["", *preset_names()])
def test_defaults_and_presets_pass(tmp_path, preset):
    params = chain_parameters(preset)
    for name, value in params.items():
        check_limits(name, value, "preset")
    check_chain(list(STAGES), tmp_path, params)


def test_every_name_of_the_tables_is_a_parameter_and_every_number_has_its_range():
    known = known_parameters()
    assert {*CHOICES, *RANGES} <= {*known}
    decoding = {*OWN_CHECKS["generate"]["generation.strategies:check_strategies"]}
    numbers = {n for n, p in known.items() if p.type in ("int", "float")}
    assert numbers - decoding == {*RANGES}


NAMED = {  # parameter → the constant of the package that refuses other names
    "llm_engine": "synthesis.engines:ENGINES", "llm_api": "synthesis.client:APIS", "judge_api": "synthesis.client:APIS",
    "entity_check": "synthesis.acceptance:FINDERS", "classifier": "topics.stage:CLASSIFIERS",
    "teacher": "topics.stage:TEACHERS", "tokenizer": "tokenization.tokenizer:TOKENIZER_KINDS",
    "compare_with": "tokenization.tokenizer:TOKENIZER_KINDS", "models": "modeling.model:FAMILIES",
    "optimizer": "training.config:OPTIMIZERS", "schedule": "training.config:SCHEDULES",
    "windows": "training.config:WINDOWS", "dtype": "common.devices:DTYPES",
    "mdeberta_precision": "common.devices:DTYPES",
}


def constant(place):
    module, _, name = place.partition(":")
    return {*getattr(importlib.import_module(f"rugpt_core.{module}"), name)}


def test_names_are_those_of_the_packages():
    for name, place in NAMED.items():
        assert {*CHOICES[name]} == constant(place), name
    assert {*CHOICES["executor"]} == constant("corpus.executors:EXECUTORS") | {""}
    assert {*CHOICES["llm_judge"]} == constant("synthesis.engines:ENGINES") - {"batch"}
    assert {*CHOICES["encoder"]} == constant("tokenization.fast_encode:FAST") | {"auto", "tokenizers"}
    assert {*CHOICES["loss_way"]} == constant("modeling.loss:LOSS_WORDS") | {"auto"}
    assert {*CHOICES["compile"]} == constant("training.config:COMPILE") | constant("training.config:SWITCHES")
    assert {*HUBS} == constant("corpus.inputs:HUBS")


def accepted(make, *args, **named):
    try:
        make(*args, **named)
    except RugptError:
        return False
    return True


def test_ranges_are_those_of_training():
    """At both sides of a limit, the table and `TrainConfig` say the same."""
    for name in ("max_steps", "batch_size", "grad_accum", "eval_every", "threads", "weight_decay", "patience",
            "minutes", "ema"):
        free = {"max_steps", "batch_size", "grad_accum"}  # 0 leaves these to the dial
        for value in (-1, 0, .5, 1, 2) if name in ("weight_decay", "minutes", "ema") else (-1, 0, 1, 2):
            if name in free and value == 0:
                continue
            ours = accepted(check_limits, name, value, "")
            theirs = accepted(TrainConfig, warmup_steps=0, **{name: value})
            assert ours == theirs, (name, value)


def test_shapes_are_those_that_can_be_built():
    for family, width, heads, shared in itertools.product(
            ("gpt2", "qwen3"), (32, 48, 64), (1, 2, 3, 4, 8, 16), (1, 2, 3)):
        p = dict(models=[family], n_embd=width, n_head=heads, n_kv_head=shared, block_size=64, init_from="",
            init_optimizer="fresh", max_steps=0, warmup_steps=-1)
        built = accepted(ModelConfig, family, 400, 64, 1, heads, shared, width)
        assert accepted(check_shape, p) == built, (family, width, heads, shared)


def test_a_notebook_refuses_its_own_values_before_it_builds_what_it_reads(tmp_path):
    from rugpt_core.runs import open_stage
    namespace = {n: p.default for n, p in known_parameters().items()} | dict(run_dir=str(tmp_path / "r"), In=[])
    for wrong in (dict(bootstrap_samples=1), dict(minimal_pairs="gone.csv")):
        with pytest.raises(RugptError, match=next(iter(wrong))):
            open_stage("artifacts", namespace | wrong)
    assert not (tmp_path / "r").exists()
