"""An exported model in the hands of others: transformers, the gguf package, llama.cpp and lm-eval where they are
there."""
import json

import pytest
import torch
from test_generate import refused

from rugpt_core.common.errors import RugptError
from rugpt_core.convert.gguf import gguf_vocabulary, llama_greedy, open_llama
from rugpt_core.convert.stage import export_run, upload
from rugpt_core.generation.engine import generate
from rugpt_core.generation.stage import held_out_documents, run_model
from rugpt_core.modeling.checkpoint import load_checkpoint
from rugpt_core.tokenization.bins import open_bins


@pytest.fixture(scope="module", params=["gpt2", "qwen3"])
def exported(request, chain, tmp_path_factory):
    """The smoke run's model of a family, exported in float32 and q8_0."""
    folder = export_run(chain[0], request.param, tmp_path_factory.mktemp("export")/request.param,
        ("transformers", "f32", "q8_0"))
    return folder, *run_model(chain[0],
        request.param), [d["ids"] for d in held_out_documents(open_bins(chain[0]/"tokens"))]


def prompts_of(docs):
    return [ids[:n] for ids in docs for n in (2, 9, 24)][:6]


def test_transformers_writes_the_same(exported):
    from transformers import AutoModelForCausalLM, AutoTokenizer
    folder, _, model, tokenizer, docs = exported
    theirs, auto = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert type(theirs).__name__ in ("GPT2LMHeadModel", "Qwen3ForCausalLM")
    assert (
        theirs.generation_config.eos_token_id == tokenizer.bos_id and auto.model_max_length == model.config.block_size
    )
    for ids in docs:
        text = tokenizer.decode(ids)
        assert auto(text)["input_ids"] == list(ids) and auto.decode(ids, skip_special_tokens=True) == text
    prompts = prompts_of(docs)
    ours = generate(model, tokenizer, prompts, max_new_tokens=64)
    for prompt, r in zip(prompts, ours, strict=True):
        ids = torch.tensor([list(prompt)])
        found = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=64, do_sample=False)
        found = found[0, len(prompt):].tolist()
        # they keep the sign that ends a text
        assert found[:len(r.ids)] == r.ids and len(found) - len(r.ids) == r.stopped


def test_the_card_says_what_was_done(exported, chain):
    folder, family, _, tokenizer, _ = exported
    checkpoint = load_checkpoint(chain[0]/"model"/family)
    card, about = (folder/"README.md").read_text(encoding="utf-8"), json.loads((folder/"export.json").read_text())
    import yaml
    head = yaml.safe_load(card.split("---")[1])
    assert head["language"] == "ru" and head["license"] == "apache-2.0" == about["licence"]
    value = head["model-index"][0]["results"][0]["metrics"][0]["value"]
    assert abs(value - checkpoint.about["val_bits_per_byte"]) < 1e-4
    for word in (checkpoint.weights, tokenizer.digest, "learning_rate", "wiki40b", "repeated 4-grams",
            f"rugpt-{family}"):
        assert word in card, word
    assert "synthetic articles" not in card, "the run trains without them"
    assert about["checked"]["logits_differ"] < 1e-3


def test_gguf_holds_the_model(exported):
    import gguf
    folder, family, model, tokenizer, _ = exported
    reader = gguf.GGUFReader(folder/f"rugpt-{family}-f32.gguf")
    names = {t.name for t in reader.tensors}
    assert sum(t.data.size for t in reader.tensors) >= sum(p.numel() for p in model.parameters())
    assert {"token_embd.weight", "output_norm.weight", "blk.1.ffn_down.weight"} <= names
    assert len(reader.fields["tokenizer.ggml.tokens"].data) == tokenizer.vocab_size == len(gguf_vocabulary(tokenizer)[
        "tokens"])


def test_llama_cpp_writes_the_same(exported):
    pytest.importorskip("llama_cpp")
    folder, family, model, tokenizer, docs = exported
    llm = open_llama(folder/f"rugpt-{family}-f32.gguf", model.config.block_size)
    for ids in docs:
        assert llm.tokenize(tokenizer.decode(ids).encode(), add_bos=True, special=False) == list(ids)
    prompts = prompts_of(docs)
    for prompt, r in zip(prompts, generate(model, tokenizer, prompts, max_new_tokens=64, stop_id=-1), strict=True):
        found, margins = llama_greedy(llm, prompt, 64)
        first = next((k for k in range(64) if found[k] != r.ids[k]), None)
        assert first is None or margins[first] < 1e-3, f"token {first} differs by {margins[first]} logits"
    llm.close()


def test_lm_eval_loads_it(exported):
    pytest.importorskip("lm_eval")
    pytest.importorskip("accelerate")  # lm-eval asks for it where it loads models
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM
    folder, _, model, tokenizer, docs = exported
    text = tokenizer.decode(docs[0][:40])
    lm = HFLM(pretrained=str(folder), device="cpu", batch_size=1)
    (found, _), = lm.loglikelihood([Instance("loglikelihood", {}, ("", text), 0)])
    ids = torch.tensor([[tokenizer.bos_id, *tokenizer.encode(text)]])
    with torch.no_grad():
        ours = model(ids[:, :-1]).log_softmax(-1).gather(2, ids[:, 1:, None]).sum()
    assert abs(found - float(ours)) < 1e-2


def test_upload_is_explicit_and_asks_for_a_licence(exported, monkeypatch, tmp_path):
    """The hub cannot be reached from a test: what would be sent to it is looked at."""
    import huggingface_hub
    calls = []

    class Api:
        def create_repo(self, repo, **kw):
            calls.append(("create", repo, kw))

        def upload_folder(self, **kw):
            calls.append(("upload", kw["repo_id"], kw))

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    assert upload(exported[0], "me/model") == "https://huggingface.co/me/model"
    assert [c[:2] for c in calls] == [("create", "me/model"), ("upload", "me/model")] and calls[0][2]["private"] is True
    (tmp_path/"export.json").write_text(json.dumps(dict(formats=["transformers"], licence="other", weights="0"*64)))
    with pytest.raises(RugptError, match="licence of the data is not known"):
        upload(tmp_path, "me/model")


@pytest.mark.parametrize("args, words", [
    (["export", "--formats", "onnx"], ["unknown format 'onnx'"]),
    (["export", "--model", "bert"], ["no model 'bert'", "gpt2"]),
    (["serve", "--export", "."], ["is not an export"]),
    (["serve", "--port", "0"], ["--port"]),
])
def test_mistakes_are_one_line(chain, capsys, args, words):
    refused(capsys, words, *args, "--run-dir", chain[0])


def test_a_batch_gives_what_single_prompts_give(exported):
    """Prompts of different lengths, padded as the exported tokenizer says."""
    from transformers import AutoModelForCausalLM, AutoTokenizer
    folder, *_ = exported
    theirs, auto = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    texts = ["Река", "Город стоит на берегу реки, в которой", "Озеро лежит"]

    def continued(prompts):
        batch = auto(prompts, return_tensors="pt", padding=True, return_token_type_ids=False)
        found = theirs.generate(**batch, max_new_tokens=12, min_new_tokens=12, do_sample=False)
        return found[:, batch["input_ids"].shape[1]:].tolist()

    assert continued(texts) == [continued([t])[0] for t in texts]
