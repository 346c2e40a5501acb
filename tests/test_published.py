"""A published model: it writes without its run, and a folder that was changed is refused."""
import io
import json
import shutil

import pytest
from test_generate import command, refused

from rugpt_core.common.errors import RugptError
from rugpt_core.convert.published import open_published, publish_model


@pytest.fixture(scope="module")
def published(chain, tmp_path_factory):
    """The smoke run's qwen3 as a published model."""
    home = tmp_path_factory.mktemp("published")/"models"
    return publish_model(chain[0], "tiny", "qwen3", home)


def test_it_writes_without_a_run(published, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(published.parent.parent)
    texts = []
    for named in ("published", "models/tiny", str(published)):
        assert command("generate", "--model", named, "--prompt", "Байкал —", "--max-tokens", "8") == 0
        texts.append(capsys.readouterr().out)
    assert texts[0].startswith("Байкал —") and len(texts[0]) > 10 and len(set(texts)) == 1
    monkeypatch.setattr("sys.stdin", io.StringIO("Байкал\n/quit\n"))
    assert command("generate", "--model", "published", "--interactive", "--max-tokens", "4") == 0
    assert "» Байкал" in capsys.readouterr().out
    for option in (["--held-out", "titles"], ["--checkpoint", "x"], ["--run-dir", "x"]):
        refused(capsys, ["contradict"], "generate", "--model", "published", "--prompt", "а", *option)


def test_the_files_say_what_they_are(published, chain):
    about = json.loads((published/"digests.json").read_text())
    files = {"model.safetensors", "tokenizer.json", "config.json", "README.md", "tiny-q8_0.gguf"}
    assert files <= about["files"].keys()
    assert about["licence"] == "apache-2.0" and json.loads((published.parent/"index.json").read_text()) == {
        "published": "tiny"}
    assert json.loads((published/"export.json").read_text())["checked"]["logits_differ"] < 1e-3
    card = (published/"README.md").read_text(encoding="utf-8")
    for part in ("nats per token in float32", "rounded to bfloat16", "models/tiny", "learning_rate", about["trained"]):
        assert part in card, part
    assert open_published(published)[0].model.embedding.weight.dtype.is_floating_point


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "README.md", "tiny-q8_0.gguf"])
def test_a_changed_byte_is_refused(published, capsys, tmp_path, name):
    folder = shutil.copytree(published, tmp_path/"copy")
    data = bytearray((folder/name).read_bytes())
    data[len(data)//2] ^= 1
    (folder/name).write_bytes(data)
    refused(capsys, [name, "not the one that was published"], "generate", "--model", folder, "--prompt", "а")
    (folder/name).unlink()
    refused(capsys, [name, "is missing"], "generate", "--model", folder, "--prompt", "а")


def test_without_a_model_there_is_one_line(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("rugpt_core.convert.published.ROOT", tmp_path)
    monkeypatch.setattr("rugpt_core.convert.published.runs_home", lambda: tmp_path)
    refused(capsys, ["no model was published here", "--publish"], "generate", "--model", "published", "--prompt", "а")
    refused(capsys, ["no model was published here"], "generate", "--model", "models/none", "--prompt", "а")


def test_what_cannot_be_published_leaves_the_earlier_one(published, chain, capsys):
    before = {p.name: p.read_bytes() for p in published.iterdir()}
    size = sum(map(len, before.values()))
    with pytest.raises(RugptError, match="at most .* MB are published. Publish it with a smaller GGUF or with none"):
        publish_model(chain[0], "tiny", "qwen3", published.parent, check=False, most_bytes=size - 1000)
    with pytest.raises(RugptError, match="Train a smaller model"):
        publish_model(chain[0], "tiny", "qwen3", published.parent, check=False, most_bytes=1000)
    export = ["export", "--run-dir", chain[0], "--out", published.parent, "--publish"]
    refused(capsys, ["Add transformers"], *export, "tiny", "--formats", "f16")
    refused(capsys, ["is no name"], *export, "../x")
    refused(capsys, ["licence of the data is not known"], *export, "tiny", "--licence", "other")
    assert {p.name: p.read_bytes() for p in published.iterdir()} == before
    assert sorted(p.name for p in published.parent.iterdir()) == ["index.json", "tiny"]
