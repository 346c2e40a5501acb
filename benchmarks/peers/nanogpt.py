"""nanoGPT's model and loop, as its train.py has them for one CPU: the baseline of `benchmarks/train.py`.

The model is the project's family gpt2 with all logits at once; with a checkout of nanoGPT its own model.py is used.
Nothing of the project is imported before it is needed: a checkout of another commit may be in its place. What the loop
does, in the order in which train.py does it: random windows, cosine with warm-up, the gradient clipped,
AdamW (not fused on a CPU) that decays every matrix, embeddings too. Shape and schedule are arguments.
"""
import argparse
import importlib.util
import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F


@dataclass(frozen=True)
class Recipe:
    """nanoGPT's settings; those of its train.py where they do not depend on the length of the run."""
    n_layer: int = 4
    n_head: int = 4
    n_embd: int = 256
    block_size: int = 256
    batch_size: int = 8
    learning_rate: float = 1e-3
    min_lr: float = 1e-4
    warmup_iters: int = 20
    max_iters: int = 400
    weight_decay: float = .1
    beta2: float = .95
    grad_clip: float = 1.


def build(vocab_size: int, r: Recipe, checkout: str = ""):
    """The model and its loss function."""
    if not checkout:
        from rugpt_core.modeling.model import ModelConfig, build_model
        model = build_model(ModelConfig("gpt2", vocab_size, r.block_size, r.n_layer, r.n_head, 0, r.n_embd, bias=False))

        def loss(x, y):
            logits = model(x)
            return F.cross_entropy(logits.view(-1, logits.size(-1)), y.reshape(-1), ignore_index=-1)
        return model, loss
    spec = importlib.util.spec_from_file_location("nanogpt_model", Path(checkout)/"model.py")
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    torch.manual_seed(1337)
    model = theirs.GPT(theirs.GPTConfig(block_size=r.block_size, vocab_size=vocab_size, n_layer=r.n_layer,
        n_head=r.n_head, n_embd=r.n_embd, dropout=0., bias=False))
    return model, lambda x, y: model(x, y)[1]


def optimizer_of(model, r: Recipe):
    """configure_optimizers of nanoGPT: matrices decay, vectors do not; fused on CUDA alone."""
    params = [p for p in model.parameters() if p.requires_grad]
    groups = [dict(params=[p for p in params if p.dim() >= 2], weight_decay=r.weight_decay),
              dict(params=[p for p in params if p.dim() < 2], weight_decay=0.)]
    return torch.optim.AdamW(groups, lr=r.learning_rate, betas=(.9, r.beta2))


def rate(it: int, r: Recipe) -> float:
    """get_lr of nanoGPT."""
    if it < r.warmup_iters:
        return r.learning_rate*(it + 1)/(r.warmup_iters + 1)
    if it > r.max_iters:
        return r.min_lr
    share = (it - r.warmup_iters)/(r.max_iters - r.warmup_iters)
    return r.min_lr + .5*(1 + math.cos(math.pi*share))*(r.learning_rate - r.min_lr)


def batch_of(data: np.ndarray, r: Recipe):
    """get_batch of nanoGPT: windows drawn with replacement from the global generator."""
    ix = torch.randint(len(data) - r.block_size, (r.batch_size,))
    x = torch.stack([torch.from_numpy(data[i:i + r.block_size].astype(np.int64)) for i in ix])
    y = torch.stack([torch.from_numpy(data[i + 1:i + 1 + r.block_size].astype(np.int64)) for i in ix])
    return x, y


@torch.no_grad()
def held_out(loss, model, data: np.ndarray, block_size: int) -> float:
    """Mean loss over all held-out tokens, window by window, nats per token; the model may be anybody's."""
    model.eval()
    total = 0.
    for i in range(0, len(data) - 1, block_size):
        ids = torch.from_numpy(data[i:i + block_size + 1].astype(np.int64))[None]
        total += loss(ids[:, :-1], ids[:, 1:]).item()*(ids.numel() - 1)
    model.train()
    return total/(len(data) - 1)


class Trainer:
    """The loop, a step at a time."""

    def __init__(self, tokens: Path, r: Recipe, checkout: str = ""):
        from rugpt_core.tokenization.bins import open_bins
        self.bins, self.r = open_bins(tokens, verify=False), r
        self.model, self.loss = build(self.bins.vocab_size, r, checkout)
        self.optimizer, self.it = optimizer_of(self.model, r), 0
        torch.manual_seed(1337)
        self.next = batch_of(self.bins.train, r)

    def step(self):
        for group in self.optimizer.param_groups:
            group["lr"] = rate(self.it, self.r)
        loss = self.loss(*self.next)
        self.next = batch_of(self.bins.train, self.r)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.r.grad_clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.it += 1
        return loss.item()

    def bits_per_byte(self) -> float:
        nats = held_out(self.loss, self.model, self.bins.val, self.r.block_size)
        return nats/self.bins.bytes_per_token("val")/math.log(2)


def main():
    """Train for a number of steps; a row of the log at the first step, every `every` and the last."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--every", type=int, default=50)
    parser.add_argument("--out", required=True, help="a .jsonl file; state for going on lies beside it")
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--nanogpt", default="", help="a checkout of nanoGPT")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = Recipe(max_iters=args.steps, warmup_iters=max(1, args.steps//20), learning_rate=args.lr, min_lr=args.lr/10)
    t, out, state = Trainer(Path(args.tokens), recipe, args.nanogpt), Path(args.out), Path(args.out).with_suffix(".pt")
    if state.exists():
        saved = torch.load(state, weights_only=True)
        t.model.load_state_dict(saved["model"])
        t.optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"])
        t.it, t.next = saved["it"], tuple(saved["next"])
    seconds = 0.
    while t.it <= args.steps:
        if t.it % args.every == 0 or t.it == args.steps:
            row = dict(step=t.it, tokens=t.it*recipe.batch_size*recipe.block_size, val_bits_per_byte=t.bits_per_byte(),
                       seconds=seconds)
            with open(out, "a") as f:
                f.write(json.dumps(row) + "\n")
            print(row, flush=True)
        if t.it % 25 == 0:
            tmp = state.with_suffix(".tmp")
            torch.save(dict(model=t.model.state_dict(), optimizer=t.optimizer.state_dict(), rng=torch.get_rng_state(),
                            it=t.it, next=list(t.next)), tmp)
            tmp.replace(state)
        if t.it == args.steps:
            break
        start = time.perf_counter()
        loss = t.step()
        seconds += time.perf_counter() - start
        print(f"{t.it} {loss:.3f} {time.perf_counter() - start:.2f} s", flush=True)


if __name__ == "__main__":
    main()
