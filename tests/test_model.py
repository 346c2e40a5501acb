"""Our models against transformers: the same weights must give the same logits, tokens and gradients."""
import subprocess
import sys

import pytest
import torch
from conftest import ROOT
from torch.nn import functional as F

from rugpt_core.common.errors import RugptError
from rugpt_core.convert.weights import from_nanogpt, from_transformers, transformers_config, transformers_state
from rugpt_core.modeling.loss import head_loss, loss_method
from rugpt_core.modeling.model import Cache, Model, ModelConfig, build_model, document_mask

SHAPES = {
    "gpt2": dict(family="gpt2", n_layer=3, n_head=4, n_embd=64),
    "gpt2 without biases": dict(family="gpt2", n_layer=3, n_head=4, n_embd=64, bias=False),
    "gpt2 of OpenAI": dict(family="gpt2", n_layer=2, n_head=4, n_embd=64, gelu="tanh"),
    "gpt2 untied": dict(family="gpt2", n_layer=2, n_head=4, n_embd=64, tied=False),
    "qwen3": dict(family="qwen3", n_layer=3, n_head=4, n_kv_head=2, n_embd=64),
    "qwen3 with one key": dict(family="qwen3", n_layer=2, n_head=8, n_kv_head=1, n_embd=64, rope_theta=1e6),
    "qwen3 untied": dict(family="qwen3", n_layer=2, n_head=4, n_kv_head=2, n_embd=64, tied=False),
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
    if model.head is None:
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


@pytest.mark.parametrize("name", SHAPES)
def test_models_of_transformers_are_taken_over(name, ids):
    """The other way: a model of theirs, its every weight random, through its own config and state."""
    import transformers
    config = transformers_config(random_model(name).config)
    config = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    torch.manual_seed(6)
    theirs = transformers.AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        for p in theirs.parameters():
            p.add_(torch.randn(p.shape)*.1)
        ours = from_transformers(config.to_dict(), theirs.state_dict())
        assert (ours(ids) - theirs(ids).logits).abs().max() < 1e-4
    with pytest.raises(RugptError, match="do not fit, the first"):
        from_transformers(config.to_dict() | dict(vocab_size=210), theirs.state_dict())


@pytest.mark.parametrize("method", ["chunked", "torch"])
@pytest.mark.parametrize("vocab, rows", [(5000, 700), (70_000, 300)])
def test_chunked_loss_is_the_plain_one(method, vocab, rows):
    if method == "torch" and not hasattr(F, "linear_cross_entropy"):
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


@pytest.mark.parametrize("tied", [True, False])
def test_gradients_of_the_whole_model_do_not_depend_on_the_way(tied):
    """Every parameter, over two accumulated batches: the table gets the head's part and the rows that were looked
    up."""
    ids = torch.randint(5000, (4, 33), generator=torch.Generator().manual_seed(1))
    found = []
    for way in ("plain", "chunked"):
        model = build_model(ModelConfig("qwen3", 5000, 32, 2, 4, 2, 64, tied=tied), seed=1)
        model.loss_way = way
        for _ in range(2):
            (model.loss(ids[:, :-1], ids[:, 1:])/2).backward()
        found.append({n: p.grad for n, p in model.named_parameters()})
    for name, plain in found[0].items():
        assert (plain - found[1][name]).norm()/plain.norm() < 1e-5, name


def test_documents_of_a_row_do_not_mix():
    """With the mask a packed row gives each document what it would get alone (positions are relative in qwen3)."""
    model = random_model("qwen3")
    a, b = torch.randint(1, 211, (2, 20), generator=torch.Generator().manual_seed(2))
    a[0] = b[0] = 0
    row = torch.cat([a, b])[None]
    with torch.no_grad():
        packed = model.hidden(row, mask=document_mask(row, 0))[0]
        assert (packed[20:] - model.hidden(b[None])[0]).abs().max() < 1e-4
        assert (model.hidden(row)[0, 20:] - packed[20:]).abs().max() > .1


@pytest.mark.parametrize("bias", [True, False])
def test_nanogpt_checkpoints_are_taken_over(tmp_path, ids, bias):
    """A ckpt.pt in nanoGPT's format: names, prefix of torch.compile, and the buffer of its slow attention."""
    c = ModelConfig("gpt2", 211, 48, 2, 4, 0, 64, bias=bias)
    model, state = build_model(c, seed=3), {}
    names = dict(norm_1="ln_1", norm_2="ln_2", qkv="c_attn", out="c_proj", up="c_fc", down="c_proj", attention="attn",
        mlp="mlp")
    for name, w in model.state_dict().items():
        parts = name.removeprefix("blocks.").split(".")
        theirs = {"embedding.weight": "wte.weight", "position.weight": "wpe.weight", "norm.weight": "ln_f.weight",
                  "norm.bias": "ln_f.bias"}.get(name) or "h." + ".".join(names.get(p, p) for p in parts)
        state[f"_orig_mod.transformer.{theirs}"] = w
    state["_orig_mod.lm_head.weight"] = model.embedding.weight.detach()
    state["_orig_mod.transformer.h.0.attn.bias"] = torch.ones(48, 48).tril().view(1, 1, 48, 48)
    args = dict(n_layer=2, n_head=4, n_embd=64, block_size=48, bias=bias, vocab_size=211, dropout=0.)
    about = dict(iter_num=7, best_val_loss=torch.tensor(3.), config=dict(dataset="ru"))
    torch.save(dict(model=state, model_args=args, **about), tmp_path/"ckpt.pt")
    back = from_nanogpt(tmp_path/"ckpt.pt")
    assert torch.equal(back(ids), model.eval()(ids))
    (tmp_path/"cut.pt").write_bytes((tmp_path/"ckpt.pt").read_bytes()[:1000])
    with pytest.raises(RugptError, match="cannot be read as plain weights"):
        from_nanogpt(tmp_path/"cut.pt")
    torch.save(dict(model={}, model_args=args), tmp_path/"empty.pt")
    with pytest.raises(RugptError, match="missing or of another shape"):
        from_nanogpt(tmp_path/"empty.pt")


def test_checkpointing_changes_nothing(ids):
    grads = []
    for on in (False, True):
        model = random_model("qwen3").train()
        model.checkpointing = on
        model.loss(ids[:, :-1], ids[:, 1:]).backward()
        grads.append(model.blocks[0].mlp.up.weight.grad)
    assert torch.equal(*grads)


def test_older_torch_has_a_chunked_loss(monkeypatch):
    monkeypatch.delattr(F, "linear_cross_entropy", raising=False)
    assert loss_method(262_144) == "chunked" and loss_method(512) == "plain"
    with pytest.raises(RugptError, match="not to be had here"):
        loss_method(262_144, wanted="torch")


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


@pytest.mark.parametrize("module", ["modeling.model", "training.stage", "generation.engine"])
def test_training_needs_torch_numpy_and_safetensors_alone(module):
    """On a bare GPU host nothing else is installed: importing must not ask for more."""
    heavy = "pandas pyarrow transformers datasets tokenizers matplotlib tensorboard yaml rensa openai xxhash".split()
    code = f"import sys\nfor n in {heavy}: sys.modules[n] = None\nimport rugpt_core.{module}"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
