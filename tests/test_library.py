"""The ten lines of the README that use the module without a run."""
import re

from conftest import ROOT


def test_ten_lines(tmp_path, monkeypatch, capsys):
    """Clean, train a tokenizer, train a model on a list of strings, write, measure: as it stands in the README."""
    code = re.search(r"## As a library\n.*?```python\n(.*?)```", (ROOT/"README.md").read_text(encoding="utf-8"),
        re.S)[1]
    assert len(code.strip().splitlines()) <= 20 and "import" in code
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    shown = capsys.readouterr().out
    assert re.search(r"\w.* diversity \d\.\d+", shown.split("\n", 1)[1], re.S), shown
    assert (tmp_path/"small/model/qwen3/model.safetensors").is_file()
