"""One trainer in a process of its own, on ids drawn at random: makes so many steps as a line on standard input says.

It answers each line with JSON: the processor time of every step, in seconds, and the peak of its resident memory. What
a trainer prints itself goes to standard error, so that it cannot be taken for an answer.
"""
import json
import os
import resource
import sys
import time
from pathlib import Path

import numpy as np

ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
TOKENS = 400_000  # ids of the training text


class Turns:
    """Steps are made when they are asked for; the processor time of each is kept."""

    def __init__(self):
        self.left, self.seconds, self.start = 0, [], 0.

    def begin(self):
        """Wait until a step is asked for; leave when no more will be."""
        if not self.left:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/1024
            print(json.dumps(dict(seconds=self.seconds, peak_mb=peak)), file=ANSWERS, flush=True)
            line = sys.stdin.readline()
            if not line.strip():
                os._exit(0)
            self.left, self.seconds = int(line), []
        self.start = time.process_time()

    def end(self):
        self.seconds.append(time.process_time() - self.start)
        self.left -= 1


def random_ids(vocab_size: int) -> np.ndarray:
    """Ids that follow Zipf's law."""
    p = 1/np.arange(1, vocab_size + 1)
    return np.random.default_rng(0).choice(vocab_size, TOKENS, p=p/p.sum()).astype(np.uint32)


def our_run(what: dict, train: np.ndarray, val: np.ndarray, compiled: bool = True, **given):
    """Our loop on these ids, and the context that it computes in; also of a checkout from before the modules were in
    packages. What is not given the recipe sets."""
    import rugpt_core
    packaged = (Path(rugpt_core.__file__).parent/"training").is_dir()  # a failing import could find an installed copy
    if packaged:
        from rugpt_core.common.devices import compute
        from rugpt_core.tokenization.bins import Bins
        from rugpt_core.training.config import resolve_settings as settle
        from rugpt_core.training.trainer import Run
    else:
        from rugpt_core.devices import compute
        from rugpt_core.plan import settle
        from rugpt_core.tokens import Bins
        from rugpt_core.train import Run
    V, split = what["vocab_size"], dict(tokens=len(train), bytes=4*len(train), documents=1)
    bins = Bins(train, val, dict(vocab_size=V, bos_id=0, splits=dict(train=split, val=split)), Path("/nowhere"))
    given |= dict(batch_size=what["batch_size"], grad_accum=1, dtype=what["dtype"], n_embd=what["n_embd"])
    if not compiled:
        given["compile"] = "never" if packaged else False
    config, t = settle("qwen3", V, len(train), what["block_size"], what["n_layer"], threads=what["threads"], **given)
    run = Run(bins, config, t, "/nowhere", "/nowhere")
    return run, compute(run.device, t.threads, t.seed)


def ours(what: dict, turns: Turns):
    """Our loop, compiled where it would be."""
    import torch
    ids = random_ids(what["vocab_size"])
    torch.set_num_threads(what["threads"])
    run, context = our_run(what, ids, ids[:20_000], max_steps=100_000)
    if hasattr(run, "prepare"):
        print(run.prepare(), file=sys.stderr)
    with context:
        while True:
            turns.begin()
            loss, norm = run.train_step()
            run.accept(loss, norm)
            turns.end()


def nanogpt(what: dict, turns: Turns):
    """nanoGPT's model of a checkout, its loop in the type asked for, as train.py has it for a CPU."""
    import torch
    from nanogpt import Recipe, build, optimizer_of
    torch.set_num_threads(what["threads"])
    r = Recipe(**{k: what[k] for k in ("n_layer", "n_embd", "block_size", "batch_size")}, n_head=what["n_embd"]//64)
    model, loss_of = build(what["vocab_size"], r, what["checkout"])
    ids, optimizer = torch.from_numpy(random_ids(what["vocab_size"]).astype(np.int64)), optimizer_of(model, r)
    narrow = torch.autocast("cpu", dtype=torch.bfloat16, enabled=what["dtype"] == "bfloat16")
    while True:
        turns.begin()
        at = torch.randint(len(ids) - r.block_size, (r.batch_size,))
        x, y = (torch.stack([ids[i + k:i + k + r.block_size] for i in at]) for k in (0, 1))
        with narrow:
            loss = loss_of(x, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), r.grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
        turns.end()


def transformers_model(what: dict):
    """The same shape as ours in transformers, with its own defaults for the rest."""
    from transformers import GPT2Config, GPT2LMHeadModel, Qwen3Config, Qwen3ForCausalLM
    V, T, L, C = (what[k] for k in ("vocab_size", "block_size", "n_layer", "n_embd"))
    heads = C//64
    if what["who"] == "trainer-gpt2":
        return GPT2LMHeadModel(GPT2Config(vocab_size=V, n_positions=T, n_embd=C, n_layer=L, n_head=heads,
            resid_pdrop=0., embd_pdrop=0., attn_pdrop=0., use_cache=False))
    return Qwen3ForCausalLM(Qwen3Config(
        vocab_size=V, hidden_size=C, intermediate_size=what["d_ff"], num_hidden_layers=L, num_attention_heads=heads,
        num_key_value_heads=heads//2 if heads % 2 == 0 else heads, head_dim=64, max_position_embeddings=T,
        tie_word_embeddings=True, use_cache=False))


def trainer(what: dict, turns: Turns):
    """transformers' Trainer with its own optimiser; a step waits in its callback until it is asked for."""
    import torch
    from transformers import Trainer, TrainerCallback, TrainingArguments
    torch.set_num_threads(what["threads"])
    ids, T = torch.from_numpy(random_ids(what["vocab_size"]).astype(np.int64)), what["block_size"]
    rows = [dict(input_ids=ids[i:i + T], labels=ids[i:i + T]) for i in range(0, len(ids) - T, T)]

    class Waits(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            turns.begin()

        def on_step_end(self, *args, **kwargs):
            turns.end()
    about = TrainingArguments(output_dir=what["work"], per_device_train_batch_size=what["batch_size"],
        max_steps=100_000, use_cpu=True, bf16=what["dtype"] == "bfloat16", report_to=[], save_strategy="no",
        logging_strategy="no", disable_tqdm=True)
    Trainer(transformers_model(what), about, train_dataset=rows, callbacks=[Waits()]).train()


def main():
    what = json.loads(sys.argv[1])
    start = dict(ours=ours, nanogpt=nanogpt).get(what["who"], trainer)
    start(what, Turns())


if __name__ == "__main__":
    main()
