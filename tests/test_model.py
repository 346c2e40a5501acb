"""Our models against transformers: the same weights must give the same logits, tokens and gradients."""
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torch.nn import functional as F

from rugpt_core.model import (
    Cache,
    Model,
    ModelConfig,
    build_model,
    head_loss,
    loss_method,
    transformers_config,
    transformers_state,
)

SHAPES = {
    "gpt2": dict(family="gpt2", n_layer=3, n_head=4, n_embd=64),
    "gpt2 without biases": dict(family="gpt2", n_layer=3, n_head=4, n_embd=64, bias=False),
    "qwen3": dict(family="qwen3", n_layer=3, n_head=4, n_kv_head=2, n_embd=64),
    "qwen3 with one key": dict(family="qwen3", n_layer=2, n_head=8, n_kv_head=1, n_embd=64, rope_theta=1e6),
    "qwen3 with every key": dict(family="qwen3", n_layer=2, n_head=4, n_kv_head=4, n_embd=64, d_ff=96),
}


def random_model(name):
    """A model whose every parameter is random: gains and biases too, so that a wrong one shows."""
    model = build_model(ModelConfig(vocab_size=211, block_size=48, **SHAPES[name]), seed=3)
    g = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn(p.shape, generator=g)*.1)
    return model.eval()


def peer(model):
    """The same weights in transformers."""
    import transformers
    config = transformers_config(model.config)
    theirs = getattr(transformers, config["architectures"][0])
    theirs = theirs(transformers.AutoConfig.for_model(config.pop("model_type"), **config)).eval()
    missing, unexpected = theirs.load_state_dict(transformers_state(model), strict=False)
    assert not unexpected and set(missing) <= {"lm_head.weight"}, (missing, unexpected)
    theirs.tie_weights()
    return theirs


@pytest.fixture(scope="module")
def ids():
    return torch.randint(211, (3, 40), generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("name", SHAPES)
def test_logits_are_those_of_transformers(name, ids):
    model = random_model(name)
    with torch.no_grad():
        ours, theirs = model(ids), peer(model)(ids).logits
    assert ours.std() > .1
    assert (ours - theirs).abs().max() < 1e-4


@pytest.mark.parametrize("name", SHAPES)
def test_every_weight_is_handed_over(name, ids):
    """Move any one weight and the peer's logits move: no tensor is left at its initial value."""
    model = random_model(name)
    theirs = dict(peer(model).named_parameters())
    theirs.pop("lm_head.weight", None)
    assert theirs.keys() == transformers_state(model).keys()
    for key, value in transformers_state(model).items():
        assert torch.equal(theirs[key], value), key


@pytest.mark.parametrize("name", SHAPES)
def test_loss_and_gradients_are_those_of_transformers(name, ids):
    model = random_model(name)
    theirs = peer(model)
    loss = model.loss(ids[:, :-1], ids[:, 1:])
    loss.backward()
    logits = theirs(ids[:, :-1]).logits
    reference = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
    reference.backward()
    assert abs(loss.item() - reference.item()) < 1e-5
    ours, grad = model.embedding.weight.grad, theirs.get_input_embeddings().weight.grad
    assert (ours - grad).norm()/grad.norm() < 1e-4


@pytest.mark.parametrize("name", SHAPES)
def test_greedy_tokens_are_those_of_transformers(name, ids):
    """Step by step over the cache, beside `generate` of transformers."""
    model, cache, row = random_model(name), Cache(), ids[:1, :9]
    with torch.no_grad():
        logits, found = model(row, cache, last=True), []
        for _ in range(20):
            found.append(int(logits[0, -1].argmax()))
            logits = model(torch.tensor([[found[-1]]]), cache, last=True)
        theirs = peer(model).generate(row, attention_mask=torch.ones_like(row), max_new_tokens=20, do_sample=False,
                                      pad_token_id=0, eos_token_id=None)
    assert found == theirs[0, 9:].tolist()


@pytest.mark.parametrize("method", ["fused", "recompute"])
@pytest.mark.parametrize("vocab, rows", [(20_000, 5000), (70_000, 1000)])
def test_chunked_loss_is_the_plain_one(method, vocab, rows):
    if method == "fused" and loss_method(vocab) != "fused":
        pytest.skip("this torch has no linear_cross_entropy")
    g = torch.Generator().manual_seed(0)
    x, w = torch.randn(rows, 16, generator=g), torch.randn(vocab, 16, generator=g)
    target = torch.randint(vocab, (rows,), generator=g)
    results = []
    for way in (method, "plain"):
        a, b = x.clone().requires_grad_(), w.clone().requires_grad_()
        loss = head_loss(a, b, target, way)
        (loss*3).backward()  # a factor, as gradient accumulation has
        results.append((loss.detach(), a.grad, b.grad))
    for ours, plain in zip(*results, strict=True):
        assert (ours - plain).norm()/plain.norm() < 1e-5


def test_older_torch_has_a_chunked_loss(monkeypatch):
    monkeypatch.delattr(F, "linear_cross_entropy", raising=False)
    assert loss_method(262_144) == "recompute" and loss_method(4096) == "plain"


@pytest.mark.parametrize("name", ["gpt2", "qwen3"])
def test_bfloat16_stays_near_float32(name, ids):
    model = random_model(name)
    exact = model.loss(ids[:, :-1], ids[:, 1:])
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = model.loss(ids[:, :-1], ids[:, 1:])
    rough.backward()
    assert rough.dtype == torch.float32 and abs(rough - exact)/exact < .02
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_dropout_only_in_training(ids):
    model = Model(ModelConfig("qwen3", 211, 48, 2, 4, 2, 64, dropout=.5))
    assert not torch.equal(model(ids), model(ids))
    model.eval()
    assert torch.equal(model(ids), model(ids))


@pytest.mark.parametrize("module", ["model", "train", "generate"])
def test_training_needs_torch_numpy_and_safetensors_alone(module):
    """On a bare GPU host nothing else is installed: importing must not ask for more."""
    heavy = "pandas pyarrow transformers datasets tokenizers matplotlib tensorboard yaml rensa openai xxhash".split()
    code = f"import sys\nfor n in {heavy}: sys.modules[n] = None\nimport rugpt_core.{module}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
