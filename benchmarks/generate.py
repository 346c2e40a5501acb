"""Speed of writing: nanoGPT's loop, transformers' generate and ours, on the CPU, in turns; and whether the texts are
the same.

Weights are random: the speed does not depend on them. What int8 does to a distribution is measured on a trained model
(--run-dir). The loop of nanoGPT is written here anew after its sample.py and model.py; --nanogpt PATH takes a checkout
instead.
"""
import argparse
import importlib.util
import platform
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import torch
from torch.nn import functional as F

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, resolve_run_dir, write_json
from rugpt_core.convert.weights import transformers_config, transformers_state
from rugpt_core.generation.decoding import truncate
from rugpt_core.generation.engine import generate, prompt_generators, token_steps
from rugpt_core.generation.lm_head import HEADS, open_head
from rugpt_core.generation.stage import run_model
from rugpt_core.generation.strategies import Decoding
from rugpt_core.modeling.model import Model, ModelConfig, build_model
from rugpt_core.runs.layout import STAGES
from rugpt_core.tokenization.bins import open_bins

SAMPLE = Decoding("sample", temperature=.8, top_k=200)  # of nanoGPT's sample.py
CONTEXT = 190  # tokens: the mean context of the 500 that sample.py writes, at a block size of 256
PARTS = ("nanogpt", "same", "int8", "speed")
SHAPE = dict(n_layer=4, n_head=4, n_embd=256, block_size=256, bias=False)


class NanoGPT:
    """nanoGPT's model and loop: no cache, the head at the last position, softmax and draw over the whole vocabulary."""

    def __init__(self, model: Model):
        self.model, self.config = model, model.config

    def forward(self, idx):
        m, c = self.model, self.config
        x = m.embedding(idx) + m.position(torch.arange(idx.shape[1]))
        for block in m.blocks:
            y = block.norm_1(x)
            B, T, C = y.shape
            q, k, v = (z.view(B, T, c.n_head, C//c.n_head).transpose(1, 2)
                for z in block.attention.qkv(y).split(C, dim=2))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + block.attention.out(y.transpose(1, 2).contiguous().view(B, T, C))
            x = x + block.mlp(block.norm_2(x))
        return F.linear(m.norm(x)[:, [-1], :], m.head_weight)

    @torch.no_grad()
    def generate(self, idx, max_new_tokens, temperature=1., top_k=None):
        for _ in range(max_new_tokens):
            context = idx if idx.shape[1] <= self.config.block_size else idx[:, -self.config.block_size:]
            logits = self.forward(context)[:, -1, :]/temperature
            if top_k is not None:
                v, _ = torch.topk(logits, min(top_k, logits.size(-1)))
                logits[logits < v[:, [-1]]] = -float("Inf")
            idx = torch.cat((idx, torch.multinomial(F.softmax(logits, dim=-1), num_samples=1)), dim=1)
        return idx


def nanogpt(model: Model, path: str):
    """nanoGPT with the weights of our gpt2: from a checkout where one is given."""
    if not path:
        return NanoGPT(model)
    spec = importlib.util.spec_from_file_location("nanogpt_model", Path(path)/"model.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["nanogpt_model"] = module
    spec.loader.exec_module(module)
    c = model.config
    theirs = module.GPT(module.GPTConfig(block_size=c.block_size, vocab_size=c.vocab_size, n_layer=c.n_layer,
        n_head=c.n_head, n_embd=c.n_embd, dropout=0., bias=False)).eval()
    weights = {k: w.T if w.dim() == 2 and k.split(".")[-2].startswith("c_") else w
        for k, w in transformers_state(model).items()}
    missing, _ = theirs.load_state_dict({k: w for k, w in weights.items() if not k.endswith(".bias")}, strict=False)
    assert set(missing) <= {"lm_head.weight"}, missing
    return theirs


def transformers_peer(model: Model):
    """The same weights in transformers, as `rugpt export` hands them over."""
    import transformers
    transformers.utils.logging.set_verbosity_error()
    config = transformers_config(model.config)
    theirs = getattr(transformers, config["architectures"][0])
    theirs = theirs(transformers.AutoConfig.for_model(config.pop("model_type"), **config)).eval()
    theirs.load_state_dict(transformers_state(model), strict=False)
    theirs.tie_weights()
    return theirs


def prompts_of(n: int, vocab: int, lengths=(16,)) -> list[list[int]]:
    g = torch.Generator().manual_seed(n)
    return [torch.randint(1, vocab, (lengths[i % len(lengths)],), generator=g).tolist() for i in range(n)]


def ours(model, prompts, new, head, logprobs=False, how=SAMPLE):
    steps = token_steps(model, prompts, how, new, prompt_generators(prompts, 1), None, head=head, logprobs=logprobs)
    assert sum(len(step) for step in steps) == new*len(prompts)


@dataclass
class Contender:
    work: str
    who: str
    run: object  # writes everything once
    tokens: int


def contenders(whole: Model, trimmed: Model, batch: int, new: int, path: str) -> list[Contender]:
    """Everyone who writes `new` tokens behind each of `batch` prompts."""
    ids = prompts_of(batch, trimmed.config.vocab_size, (CONTEXT,))
    idx, tokens, work = torch.tensor(ids), batch*new, f"batch {batch}, {new} tokens behind {CONTEXT}"
    peer = nanogpt(whole, path)
    out = [Contender(work, f"nanoGPT, {whole.config.vocab_size:,} pieces",
                     lambda: peer.generate(idx, new, temperature=.8, top_k=200), tokens)]
    for model in (whole, trimmed):
        label, theirs = f"{model.config.vocab_size:,} pieces", transformers_peer(model)
        out.append(Contender(work, f"transformers, {label}", lambda t=theirs: t.generate(
            idx, attention_mask=torch.ones_like(idx), max_new_tokens=new, do_sample=True, temperature=.8, top_k=200,
            pad_token_id=0, eos_token_id=None), tokens))
        for name in HEADS:
            head = open_head(model, name)
            out.append(Contender(work, f"rugpt {name}, {label}", lambda m=model, h=head: ours(m, ids, new, h), tokens))
        head = open_head(model, "float32")
        out.append(Contender(work, f"rugpt float32 with log-probabilities, {label}",
                             lambda m=model, h=head: ours(m, ids, new, h, True), tokens))
    return out


def measure(everyone: list[Contender], rounds: int, clock: str) -> list[dict]:
    """In turns, so that what else the machine does falls on all; ratios are taken round by round."""
    now = time.process_time if clock == "cpu" else time.perf_counter
    rates: dict[str, list[float]] = {c.who: [] for c in everyone}
    for k in range(rounds):
        for c in everyone:
            start = now()
            c.run()
            rates[c.who].append(c.tokens/(now() - start))
            print(f"round {k + 1}, {c.work}, {c.who}: {rates[c.who][-1]:.1f} tokens/s", flush=True)
    base = everyone[0].who
    ratio = lambda who: statistics.median(a/b for a, b in zip(rates[who], rates[base], strict=True))  # noqa: E731
    return [row(c.work, c.who, f"tokens written, {clock} time", "tokens/s",
                *(round(f(rates[c.who]), 2) for f in (statistics.median, min, max)), rounds,
                base, round(ratio(c.who), 2)) for c in everyone]


def row(work, who, metric, unit, median, low, high, runs, ratio_to=None, ratio=None) -> dict:
    return dict(work=work, who=who, metric=metric, unit=unit, median=median, min=low, max=high, runs=runs,
                ratio_to=ratio_to, ratio=ratio)


def count_row(work: str, who: str, metric: str, same: int, of: int) -> dict:
    print(f"{work}, {who}: {metric} {same} of {of}", flush=True)
    return row(work, who, metric, f"texts of {of}", same, same, same, 1)


def same_texts(run_dir: str) -> list[dict]:
    """Greedy texts with and without the cache, together and alone, of screened and of float32."""
    rows = []
    for family in ("gpt2", "qwen3"):
        if run_dir:
            _, model, tokenizer = run_model(run_dir, family)
        else:
            model, tokenizer = build_model(ModelConfig(family, 5000, 128, 4, 4, 2, 128), 0).eval(), Bare()
        rows += same_texts_of(model, tokenizer)
    return rows


def same_texts_of(model: Model, tokenizer) -> list[dict]:
    size = model.config.block_size
    lengths = [1 + i*(size//2)//30 for i in range(30)]
    prompts = prompts_of(30, model.config.vocab_size, lengths)
    work = f"{model.config.family}, 30 prompts of {lengths[0]} to {lengths[-1]} tokens, 64 new, float32"

    def write(p, **kw):
        return [r.ids for r in generate(model, tokenizer, p, max_new_tokens=64, stop_id=-1, **kw)]

    def same(metric, a, b, who="greedy"):
        return count_row(work, who, metric, sum(x == y for x, y in zip(a, b, strict=True)), 30)

    together = write(prompts)
    return [same("the same with and without the cache", together, write(prompts, use_cache=False)),
            same("the same in a batch and alone", together, [write([p])[0] for p in prompts]),
            same("the same by the screened head", together, write(prompts, head="screened")),
            same("the same by the screened head", write(prompts, decoding=SAMPLE),
                 write(prompts, decoding=SAMPLE, head="screened"), "sample")]


class Bare:
    """A tokenizer for models of random weights."""
    bos_id = 0

    def decode(self, ids):
        return " ".join(map(str, ids))


def same_as_nanogpt(whole: Model, path: str) -> list[dict]:
    """The likeliest token each time (top-k 1), the same weights: nanoGPT's text and ours."""
    prompts, peer = prompts_of(8, whole.config.vocab_size), nanogpt(whole, path)
    theirs = [peer.generate(torch.tensor([p]), 24, top_k=1)[0, len(p):].tolist() for p in prompts]
    work, rows = f"gpt2, {whole.config.vocab_size:,} pieces, 8 prompts, 24 tokens", []
    for name in ("float32", "screened"):
        found = [r.ids for r in generate(whole, Bare(), prompts, max_new_tokens=24, stop_id=-1, head=name,
            logprobs=False)]
        same = sum(a == b for a, b in zip(found, theirs, strict=True))
        rows.append(count_row(work, f"rugpt {name}", "the same as nanoGPT", same, 8))
    return rows


@torch.inference_mode()
def effect_of_int8(run_dir: str) -> list[dict]:
    """How far the distribution of the int8 head is from that of float32, on states of held-out text."""
    rows, bins = [], open_bins(resolve_run_dir(run_dir)/STAGES["tokenize"].folder)
    hows = {"whole distribution": lambda z: z,
            "temperature 0.8, top-k 50": lambda z: truncate(z, Decoding(temperature=.8, top_k=50))}
    for family in ("gpt2", "qwen3"):
        _, model, _ = run_model(run_dir, family)
        T = model.config.block_size
        ids = torch.tensor([int(i) for i in bins.val[:min(8, len(bins.val)//T)*T]]).view(-1, T)
        x_NC = model.hidden(ids).flatten(0, 1)
        exact, rough = open_head(model, "float32")(x_NC).contiguous(), open_head(model, "int8")(x_NC)
        work = f"{family}, vocabulary {model.config.vocab_size:,}, {len(x_NC):,} positions of held-out text"
        for how, change in hows.items():
            p, q = change(exact).log_softmax(-1), change(rough).log_softmax(-1)
            kl = (p.exp()*(p - q.clamp(min=-30)).nan_to_num(neginf=0.)).sum(-1)
            found = {"KL(float32 ‖ int8), a token cut by int8 counted as e^-30": kl,
                     "total variation": (p.exp() - q.exp()).abs().sum(-1)/2}
            for metric, v in found.items():
                median, mean, low, high = (float(f"{z:.3g}") for z in (v.median(), v.mean(), v.min(), v.max()))
                unit = "nats" if metric.startswith("KL") else "share"
                rows.append(dict(row(f"{work}, {how}", "int8 head", metric, unit, median, low, high, len(v)),
                    mean=mean))
                print(f"{family}, {how}: {metric}: median {median}, mean {mean}, max {high}", flush=True)
        same = int((exact.argmax(-1) == rough.argmax(-1)).sum())
        rows.append(count_row(work, "int8 head", "the same likeliest token", same, len(x_NC)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nanogpt", default="", help="a checkout of nanoGPT")
    parser.add_argument("--run-dir", default=str(ROOT/"runs/demo"),
        help="a run with trained models, for what int8 does")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokens", type=int, nargs=2, default=(100, 50), help="new tokens at batch 1 and at batch 16")
    parser.add_argument("--vocab", type=int, nargs=2, default=(262_144, 40_000), help="whole and trimmed vocabulary")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS,
        help="what to measure; the rest of the file stays")
    parser.add_argument("--clock", default="wall", choices=("wall", "cpu"),
                        help="cpu: processor time, for a machine that others use")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    trained = args.run_dir if (Path(args.run_dir)/"model/summary.json").is_file() else ""
    path, rows = ROOT/"benchmarks/results/generate.json", []
    if path.is_file():  # parts that are not measured now stay
        rows = [r for r in read_json(path)["rows"] if r.get("part") not in args.parts]

    def keep(part: str, found: list[dict]):
        rows.extend(r | dict(part=part) for r in found)
        machine = f"{platform.machine()}, {platform.system()}, {args.threads} threads"
        write_json(path, dict(machine=machine, versions=versions(), date=date.today().isoformat(), rows=rows))

    whole, trimmed = (build_model(ModelConfig("gpt2", vocab_size=v, **SHAPE), 0).eval() for v in args.vocab)
    if "nanogpt" in args.parts:
        keep("nanogpt", same_as_nanogpt(whole, args.nanogpt))
    if "same" in args.parts:
        keep("same", same_texts(trained))
    if "int8" in args.parts and trained:
        keep("int8", effect_of_int8(trained))
    for batch, new in zip((1, 16), args.tokens, strict=True):
        if "speed" in args.parts:
            keep("speed", measure(contenders(whole, trimmed, batch, new, args.nanogpt), args.rounds, args.clock))
    for r in rows:
        if r["ratio"]:
            print(f"{r['work']:32} {r['who']:60} {r['median']:9.1f} tokens/s  x{r['ratio']:.2f}")
    print(path)


if __name__ == "__main__":
    main()
