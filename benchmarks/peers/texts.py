"""The texts that trainers are compared on: cleaned articles, some held out, as ids of several tokenizers."""
from pathlib import Path

import pandas as pd

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import read_json
from rugpt_core.corpus.cleaning import clean_corpus
from rugpt_core.tokenization.stage import make_tokenizer
from rugpt_core.tokenization.writer import write_bins

HELD_OUT = 100  # held-out articles, the first ones by digest, the same for every contender
OPENING = 2000  # characters of each


def selection(source: str, work: Path) -> pd.DataFrame:
    """Cleaned articles to train on, and the openings of some held-out ones."""
    folder = work/"clean"
    if not (folder/"done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        clean_corpus(source, folder)
        (folder/"done").touch()
    rows = pd.concat([pd.read_parquet(f) for f in sorted(folder.glob("articles*.parquet"))]).assign(topic="")
    val = rows[rows.split == "val"].sort_values("id").head(HELD_OUT)
    if val.empty:
        raise RugptError("no article is held out", source, "give more articles")
    return pd.concat([rows[rows.split == "train"], val.assign(text=val.text.str.slice(0, OPENING).str.rstrip())])


def tokens(source: str, work: Path, kind: str, vocab_size: int = 0, min_count: int = 1) -> Path:
    """A tokens folder of these texts; made once."""
    out = work/(kind + f"-{vocab_size}"*bool(vocab_size) + f"-k{min_count}"*(min_count > 1))
    if not (out/"meta.json").exists():
        rows = selection(source, work)
        out.mkdir(parents=True, exist_ok=True)
        write_bins(rows, make_tokenizer(kind, rows, vocab_size, min_count=min_count), out)
    return out


def held_out_bytes(folder: Path) -> int:
    """UTF-8 bytes of the held-out articles."""
    return read_json(folder/"meta.json")["splits"]["val"]["bytes"]
