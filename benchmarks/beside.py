"""The published model beside nanoGPT's, whose training `curves.py` has stored, on held-out texts that neither has seen.

    python benchmarks/beside.py --state FILE --nanogpt PATH

FILE lies beside the ids that it was trained on. Texts are the openings of articles that lie so far in the front of the
order of digests (HELD_OUT) that every split of these articles with at least that share of held-out ones holds them out.
Each model reads them in its own vocabulary; the difference is paired, with its interval over articles.
"""
import argparse
from datetime import date
from pathlib import Path

import pandas as pd
import torch
from peers.nanogpt import Recipe, build

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, write_json
from rugpt_core.convert.published import open_published, published_folder
from rugpt_core.corpus.article import split_point
from rugpt_core.metrics.likelihood import text_bits
from rugpt_core.metrics.significance import paired_ratio_difference
from rugpt_core.metrics.statistics import generator, ratio_interval
from rugpt_core.tokenization.bins import open_bins, split_documents
from rugpt_core.tokenization.tokenizer import load_tokenizer

RESULTS = ROOT/"benchmarks/results/beside.json"
HELD_OUT = .05  # share of articles that the published model's training held out


class Logits(torch.nn.Module):
    """nanoGPT's model with all logits at once, as `text_bits` asks for them."""

    def __init__(self, model):
        super().__init__()
        self.model, self.config = model, model.config

    def forward(self, ids):
        ids = ids.contiguous()
        return self.model(ids, ids)[0]


def nanogpt(state: dict, vocab_size: int, checkout: str) -> Logits:
    """The model of a finished training; its shape is read from the weights."""
    weights = state["model"]
    block_size, n_embd = weights["transformer.wpe.weight"].shape
    n_layer = sum(name.endswith("attn.c_attn.weight") for name in weights)
    shape = Recipe(n_layer=n_layer, n_embd=n_embd, n_head=n_embd//64, block_size=block_size)
    model = build(vocab_size, shape, checkout)[0]
    model.load_state_dict(weights)
    return Logits(model.eval())


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True, help="what curves.py stored of nanoGPT's training")
    parser.add_argument("--nanogpt", required=True, metavar="PATH", help="a checkout of nanoGPT")
    return parser.parse_args()


def main():
    args = parse()
    state = torch.load(args.state, weights_only=True)
    if len(state["seconds"]) < state["steps"]:
        raise SystemExit(f"{args.state}: {len(state['seconds'])} of {state['steps']} steps are done; run curves.py on")
    folder = args.state.parent
    bins, tokenizer = open_bins(folder), load_tokenizer(folder/"tokenizer")
    docs = pd.read_parquet(folder/"docs.parquet").query("split == 'val'")
    texts = [tokenizer.decode(ids[1:].tolist()) for article, ids in zip(docs.id,
        split_documents(bins.val, bins.bos_id), strict=True) if split_point(article) < HELD_OUT]
    ours, own = open_published(published_folder())
    with torch.inference_mode():
        theirs = text_bits(nanogpt(state, bins.vocab_size, args.nanogpt), tokenizer, texts)
        mine = text_bits(ours.model, own, texts)
    size = [r["bytes"] for r in mine]
    bits = dict(nanogpt=[r["bits"] for r in theirs], published=[r["bits"] for r in mine])
    openings = dict(texts=len(texts), bytes=sum(size),
        **{who: ratio_interval(found, size, share=False, seed=generator(0, who)) for who, found in bits.items()},
        difference=paired_ratio_difference(bits["published"], bits["nanogpt"], size, seed=generator(0, "difference")))
    write_json(RESULTS, dict(date=date.today().isoformat(), versions=versions(), steps=state["steps"],
        minutes=round(sum(state["seconds"])/60, 1), openings=openings))
    print(openings)


if __name__ == "__main__":
    main()
