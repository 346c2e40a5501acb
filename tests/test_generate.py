"""Decoding against transformers: the distribution of a step, and whole texts; the cache against none."""
import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_model import peer

from rugpt_core.cli.main import main
from rugpt_core.generation.decoding import penalise, truncate
from rugpt_core.generation.engine import prompt_generators, token_steps
from rugpt_core.generation.lm_head import open_head
from rugpt_core.generation.strategies import STRATEGIES, Decoding, decoding
from rugpt_core.modeling.model import ModelConfig, build_model

V = 97


def next_distribution(logits_V, seen, d):
    """The distribution (V,) from which a strategy draws; what was cut has 0."""
    logits = penalise(logits_V, seen, d) if d.penalised else logits_V
    if d.rule == "greedy":
        return torch.zeros_like(logits).index_fill_(0, logits.argmax(), 1.)
    return truncate(logits, d).softmax(-1)


def theirs(logits, seen, d):
    """The same settings as logits processors of transformers, in its own order."""
    from transformers.generation import logits_process as t
    processors = []
    if d.repetition_penalty != 1:
        processors.append(t.RepetitionPenaltyLogitsProcessor(d.repetition_penalty))
    if d.no_repeat_ngram:
        processors.append(t.NoRepeatNGramLogitsProcessor(d.no_repeat_ngram))
    if d.temperature != 1:
        processors.append(t.TemperatureLogitsWarper(d.temperature))
    for name, kind, neutral in (("top_k", t.TopKLogitsWarper, 0), ("top_p", t.TopPLogitsWarper, 1.),
                                ("min_p", t.MinPLogitsWarper, 0.), ("typical_p", t.TypicalLogitsWarper, 1.),
                                ("epsilon", t.EpsilonLogitsWarper, 0.), ("eta", t.EtaLogitsWarper, 0.)):
        if getattr(d, name) != neutral:
            processors.append(kind(getattr(d, name)))
    scores, ids = logits[None].clone(), torch.tensor([seen])
    for p in processors:
        scores = p(ids, scores)
    return scores.softmax(-1)[0]


def logits_of(seed, spread=2.):
    return torch.randn(V, generator=torch.Generator().manual_seed(seed))*spread


ALONE = [{name: value} for name, values in dict(temperature=(.7, 1.9), top_k=(1, 7, 500), top_p=(.3, .95),
    min_p=(.02, .4), typical_p=(.2, .95), epsilon=(3e-4, .05), eta=(3e-4, .05), repetition_penalty=(1.3, .8),
    no_repeat_ngram=(2, 3)).items() for value in values]


@pytest.mark.parametrize("setting", ALONE, ids=str)
def test_a_step_is_that_of_transformers(setting):
    seen = torch.randint(V, (60,), generator=torch.Generator().manual_seed(5)).tolist()
    for seed in range(20):
        logits, d = logits_of(seed), Decoding(**setting)
        ours, reference = next_distribution(logits, seen, d), theirs(logits, seen, d)
        assert torch.equal(ours > 0, reference > 0)
        assert (ours - reference).abs().max() < 1e-6


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.floats(.3, 6), st.fixed_dictionaries({}, optional=dict(
    temperature=st.floats(.4, 2), top_k=st.integers(1, 120), top_p=st.floats(.1, .99), min_p=st.floats(.001, .5),
    typical_p=st.floats(.1, .99), epsilon=st.floats(1e-4, .1), eta=st.floats(1e-4, .1),
        repetition_penalty=st.floats(.7, 1.6),
    no_repeat_ngram=st.integers(2, 4))))
def test_combinations_are_those_of_transformers(seed, spread, setting):
    logits, d = logits_of(seed, spread), Decoding(**setting)
    # of few tokens: n-grams repeat
    seen = torch.randint(9, (40,), generator=torch.Generator().manual_seed(seed)).tolist()
    ours, reference = next_distribution(logits, seen, d), theirs(logits, seen, d)
    assert (ours - reference).abs().sum() < 1e-5


@pytest.fixture(scope="module", params=["gpt2", "qwen3"])
def model(request):
    model = build_model(ModelConfig(request.param, 211, 96, 2, 4, 2, 32), 0).eval()
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=g)*.3)
    return model


def written(model, prompts, d, n=40, **kw):
    out = [[] for _ in prompts]
    for step in token_steps(model, prompts, d, n, prompt_generators(prompts, 3), **kw):
        for i, new, _ in step:
            out[i].append(new)
    return out


@pytest.mark.parametrize("name", ["greedy", "repetition_penalty", "no_repeat"])
def test_greedy_texts_are_those_of_transformers(model, name):
    """Rules without chance give the texts of `generate`, penalties too."""
    d, prompt = decoding(name), [5, 17, 3, 99, 8]
    ids = torch.tensor([prompt])
    reference = peer(model).generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=40, do_sample=False,
                                     pad_token_id=0, eos_token_id=None, repetition_penalty=d.repetition_penalty,
                                     no_repeat_ngram_size=d.no_repeat_ngram)
    assert written(model, [prompt], d)[0] == reference[0, 5:].tolist()


@pytest.mark.parametrize("name", STRATEGIES)
def test_cache_and_company_change_nothing(model, name):
    g = torch.Generator().manual_seed(2)
    prompts = [torch.randint(211, (n,), generator=g).tolist() for n in (1, 9, 33)]
    found = written(model, prompts, decoding(name))
    assert found == written(model, prompts, decoding(name), use_cache=False)
    assert found == [written(model, [p], decoding(name))[0] for p in prompts]


def test_contrastive_search_is_its_formula(model):
    """Against the definition, word for word, without a cache (Su et al. 2022, eq. 5)."""
    d, text = decoding("contrastive"), [5, 17, 3, 99]
    found = written(model, [text], d, n=12)[0]
    with torch.no_grad():
        for new in found:
            p, ids = (model(torch.tensor([text]))[0, -1]).softmax(-1).topk(d.top_k)
            past = model.hidden(torch.tensor([text]))[0]
            scores = []
            for p_v, v in zip(p, ids, strict=True):
                h = model.hidden(torch.tensor([[*text, int(v)]]))[0, -1]
                scores.append((1 - d.penalty_alpha)*p_v - d.penalty_alpha*torch.cosine_similarity(h[None], past).max())
            assert new == int(ids[torch.stack(scores).argmax()])
            text = [*text, new]


@pytest.mark.parametrize("how",
    [Decoding("greedy"), Decoding(top_k=20), Decoding(top_k=20, top_p=.8), Decoding(top_p=.8),
                                 Decoding(top_k=5, dry_multiplier=1.)], ids=str)
def test_the_screened_head_writes_what_float32_writes(how):
    big = build_model(ModelConfig("qwen3", 12_007, 64, 1, 2, 1, 32), 0).eval()
    prompts = [[1, 2, 3], [4]]
    assert written(big, prompts, how) == written(big, prompts, how, head=open_head(big, "screened"))


def command(*args):
    """Run the command line in this process; its exit code."""
    with pytest.raises(SystemExit) as e:
        main([str(a) for a in args])
    return e.value.code


def refused(capsys, words, *args):
    """A mistake is exit code 2 and one line that says all these words."""
    assert command(*args) == 2
    lines = [line for line in capsys.readouterr().err.split("\n") if line.strip()]
    assert len(lines) == 1 and lines[0].startswith("rugpt: ")
    for word in words:
        assert word in lines[0], lines[0]


@pytest.mark.parametrize("args, words", [
    (["--temperature", "-1"], ["temperature is -1"]),
    (["--strategy", "greedy", "--top-p", "0.9"], ["greedy does not use top_p=0.9"]),
    (["--strategy", "contrastive", "--top-k", "1"], ["nothing to choose from"]),
    (["--prompt", "слово "*300 + "слово"], ["longer than the context of 128"]),
    (["--prompt", ""], ["prompt is empty"]),
    (["--file", "none.txt"], ["none.txt", "missing"]),
])
def test_mistakes_are_one_line(chain, capsys, args, words):
    prompt = [] if {"--prompt", "--file"} & set(args) else ["--prompt", "Река"]
    refused(capsys, words, "generate", "--run-dir", chain[0], *prompt, *args)


def test_a_checkpoint_without_its_tokenizer(chain, capsys):
    folder, found = chain[0]/"model/qwen3", []
    refused(capsys, ["the checkpoint's tokenizer is missing"], "generate", "--checkpoint", folder, "--prompt", "Река")
    for where in (["--checkpoint", folder, "--tokenizer", chain[0]/"tokens/tokenizer"],
                  ["--run-dir", chain[0], "--model", "qwen3"]):
        assert command("generate", *where, "--prompt", "Река", "--max-tokens", 9) == 0
        found.append(capsys.readouterr().out)
    assert found[0] == found[1] and found[0].startswith("Река")


def test_a_file_of_texts(chain, tmp_path):
    """Titles, held-out openings and lines of a file, several samples each, to JSON lines; the same bytes again."""
    (tmp_path/"prompts.txt").write_text("Байкал —\nВолга\n", encoding="utf-8")
    for name in ("a", "b"):
        assert command("generate", "--run-dir", chain[0], "--file", tmp_path/"prompts.txt", "--title", "Москва",
                       "--held-out", "openings", "-n", 2, "--samples", 2, "--strategy", "min_p", "--max-tokens", 9,
                       "--out", tmp_path/f"{name}.jsonl") == 0
    rows = [json.loads(line) for line in (tmp_path/"a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert (tmp_path/"a.jsonl").read_bytes() == (tmp_path/"b.jsonl").read_bytes()
    assert [r["prompt_kind"] for r in rows] == ["title"]*2 + ["text"]*4 + ["opening"]*4
    for r in rows:
        assert len(r["ids"]) == len(r["logprobs"]) <= 9 and r["settings"] == {"min_p": .1} and len(r["weights"]) == 64
    assert rows[0]["text"] != rows[1]["text"]  # equal prompts, different texts
