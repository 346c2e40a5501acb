"""The texts that trainers are compared on: cleaned articles, some held out, as ids of several tokenizers."""
import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from rugpt_core.clean import clean_corpus
from rugpt_core.runs import RugptError, read_json, write_atomic, write_json
from rugpt_core.tokens import SPLITS, Tokenizer, bin_dtype, id_counts, make_tokenizer, open_bins, write_bins
from rugpt_core.trim import trim_gemma

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


def tokens(source: str, work: Path, kind: str, vocab_size: int = 0) -> Path:
    """A tokens folder of these texts; made once."""
    out = work/(kind if not vocab_size else f"{kind}-{vocab_size}")
    if not (out/"meta.json").exists():
        rows = selection(source, work)
        out.mkdir(parents=True, exist_ok=True)
        write_bins(rows, make_tokenizer(kind, rows, vocab_size), out)
    return out


def held_out_bytes(folder: Path) -> int:
    """UTF-8 bytes of the held-out articles."""
    return read_json(folder/"meta.json")["splits"]["val"]["bytes"]


def trimmed(source: str, work: Path) -> Path:
    """The same token sequence with Gemma's vocabulary cut down to the pieces that occur; made once."""
    whole, out = tokens(source, work, "gemma"), work/"gemma-trimmed"
    if not (out/"meta.json").exists():
        meta = read_json(whole/"meta.json")
        ids = {s: np.fromfile(whole/f"{s}.bin", "<u4") for s in SPLITS}
        counts = sum(id_counts(x, meta["vocab_size"]) for x in ids.values())
        text, id_map = trim_gemma((whole/"tokenizer/tokenizer.json").read_text(encoding="utf-8"), counts)
        tokenizer = Tokenizer(text, "gemma-trimmed")
        tokenizer.save(out/"tokenizer")
        dtype = bin_dtype(tokenizer.vocab_size)
        for split, x in ids.items():
            data = id_map.to_trimmed(x).astype(dtype).tobytes()
            write_atomic(out/f"{split}.bin", data)
            meta["splits"][split]["sha256"] = hashlib.sha256(data).hexdigest()
        known = dict(name=tokenizer.name, digest=tokenizer.digest)
        size = dict(vocab_size=tokenizer.vocab_size, bos_id=tokenizer.bos_id, dtype=dtype.name)
        write_json(out/"meta.json", meta | size | dict(tokenizer=known))
        open_bins(out)
    return out
