"""Memory of one very long article: bounded."""

import subprocess
import sys

import pytest
from conftest import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

CODE = """
import resource, sys
from rugpt_core.corpus.cleaning import clean_corpus
print(clean_corpus(sys.argv[1], sys.argv[2], workers=1)["read"])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000)
"""


def cleaned(source, out):
    """Articles read, and the peak memory in MB."""
    out.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(source), str(out)], cwd=ROOT, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return [int(x) for x in done.stdout.split()]


@pytest.mark.slow
def test_an_article_of_20_mb(tmp_path):
    """Its own bytes are held a few times over; nothing else grows with it (23 MB for each MB before)."""
    from load import write_rows

    for name, sizes in (("small", [3000] * 20), ("long", [3000] * 20 + [11_000_000])):
        (tmp_path / name).mkdir()
        write_rows(tmp_path / name / "a.jsonl", sizes)
    read, peak = cleaned(tmp_path / "long", tmp_path / "out")
    _, least = cleaned(tmp_path / "small", tmp_path / "least")
    assert 24 <= read <= 28
    assert peak - least < 300, f"{peak} MB, {least} MB without the long article"
