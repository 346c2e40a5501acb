"""One trainer in a process of its own, on real text: how bits per byte fall with the processor time of its steps.

The job comes as JSON in the first argument, the answer goes to standard output as JSON: rows of step, tokens, seconds
and bits per byte. Validation is not counted. With `steps` it trains so many, its schedule laid over them; without, it
makes eight and answers with the time of one, so that the caller can say how many fit. With `state`, a file, nanoGPT's
training goes on from what it stored there; the time of steps that were made again is counted once.
"""
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path

import numpy as np
import torch
from nanogpt import Recipe, batch_of, build, held_out, optimizer_of, rate
from stepper import ANSWERS, our_run, transformers_model

PROBE, MARKS = 8, 8  # steps of a probe; measurements of a training
KEEP = 100  # steps between two stored states
HELD_OUT = 65_536  # ids of the held-out text that are measured


class Watch:
    """Counts the time of steps, and measures at every eighth of the training."""

    def __init__(self, what: dict, val: np.ndarray):
        self.what, self.val, self.seconds, self.rows = what, val[:HELD_OUT], [], []
        self.keep = lambda: None  # stores a state

    def begin(self):
        self.start = time.process_time()

    def end(self, loss_of, model):
        """After a step; `loss_of` gives the mean loss of rows of ids, nats per token."""
        self.seconds.append(time.process_time() - self.start)
        steps, last = len(self.seconds), self.what.get("steps")
        if last is None:
            if steps == PROBE:
                self.leave(dict(seconds=statistics.median(self.seconds[2:])))
            return
        if steps % max(1, last//MARKS) == 0 or steps == last:
            nats = held_out(loss_of, model, self.val, self.what["block_size"])
            self.rows.append(dict(step=steps, tokens=steps*self.what["batch_size"]*self.what["block_size"],
                seconds=round(sum(self.seconds), 2),
                val_bits_per_byte=nats/self.what["bytes_per_token"]/math.log(2)))
            print(self.what["who"], self.rows[-1], file=sys.stderr, flush=True)
        if steps % KEEP == 0 or steps == last:
            self.keep()
        if steps == last:
            self.leave(self.rows)

    def leave(self, answer):
        print(json.dumps(answer), file=ANSWERS, flush=True)
        os._exit(0)


def ours(what: dict, train: np.ndarray, watch: Watch):
    """Our loop with its default recipe, not compiled."""
    seed = {"seed": what["seed"]} if "seed" in what else {}
    run, context = our_run(what, train, watch.val, compiled=False, max_steps=what.get("steps", 1000), **seed)
    narrow = torch.autocast("cpu", dtype=torch.bfloat16, enabled=what["dtype"] == "bfloat16")

    def loss_of(x, y):
        with narrow:
            return run.model.loss(x, y)
    with context:
        while True:
            watch.begin()
            run.accept(*run.train_step())
            watch.end(loss_of, run.model)


def nanogpt(what: dict, train: np.ndarray, watch: Watch):
    """nanoGPT's model and loop, as its train.py has them for a CPU, products in the type asked for."""
    steps = what.get("steps", 1000)
    r = Recipe(n_head=what["n_embd"]//64, max_iters=steps, warmup_iters=max(1, steps//20),
        **{k: what[k] for k in ("n_layer", "n_embd", "block_size", "batch_size")})
    model, loss_of = build(what["vocab_size"], r, what["checkout"])
    optimizer = optimizer_of(model, r)
    narrow = torch.autocast("cpu", dtype=torch.bfloat16, enabled=what["dtype"] == "bfloat16")

    def measured(x, y):
        with narrow:
            return loss_of(x, y)
    torch.manual_seed(1337)
    state = Path(what.get("state", ""))  # of a probe: none
    if state.is_file():
        saved = torch.load(state, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        torch.set_rng_state(saved["rng"])
        watch.seconds, watch.rows = saved["seconds"], saved["rows"]
        if len(watch.seconds) == steps:
            watch.leave(watch.rows)

    def keep():
        torch.save(dict(steps=steps, model=model.state_dict(), optimizer=optimizer.state_dict(),
            rng=torch.get_rng_state(), seconds=watch.seconds, rows=watch.rows), tmp := state.with_suffix(".tmp"))
        tmp.replace(state)
    watch.keep = keep
    while True:
        watch.begin()
        for group in optimizer.param_groups:
            group["lr"] = rate(len(watch.seconds), r)
        measured(*batch_of(train, r)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), r.grad_clip)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        watch.end(measured, model)


def trainer(what: dict, train: np.ndarray, watch: Watch):
    """transformers' Trainer, its optimiser set as nanoGPT's."""
    from transformers import Trainer, TrainerCallback, TrainingArguments
    T, steps = what["block_size"], what.get("steps", 1000)
    starts = np.random.default_rng(0).permutation(len(train)//T)[:(steps + PROBE)*what["batch_size"]]
    rows = [dict(input_ids=(ids := torch.from_numpy(train[i*T:(i + 1)*T].astype(np.int64))), labels=ids)
        for i in starts]
    model = transformers_model(what)
    narrow = torch.autocast("cpu", dtype=torch.bfloat16, enabled=what["dtype"] == "bfloat16")

    def loss_of(x, y):
        with narrow:
            logits = model(x).logits.float()
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), y.flatten())

    class Watches(TrainerCallback):
        def on_step_begin(self, *args, **kwargs):
            watch.begin()

        def on_step_end(self, *args, **kwargs):
            watch.end(loss_of, model)
    about = TrainingArguments(output_dir=what["work"], per_device_train_batch_size=what["batch_size"],
        max_steps=steps, use_cpu=True, bf16=what["dtype"] == "bfloat16", report_to=[], save_strategy="no",
        logging_strategy="no", disable_tqdm=True, learning_rate=1e-3, lr_scheduler_type="cosine",
        warmup_steps=max(1, steps//20), weight_decay=.1, adam_beta2=.95, max_grad_norm=1.)
    Trainer(model, about, train_dataset=rows, callbacks=[Watches()]).train()


def main():
    what = json.loads(sys.argv[1])
    torch.set_num_threads(what["threads"])
    torch.manual_seed(what.get("seed", 1337))
    train, val = (np.fromfile(Path(what["tokens"])/f"{s}.bin", dtype=what["ids"]) for s in ("train", "val"))
    dict(ours=ours, nanogpt=nanogpt).get(what["who"], trainer)(what, train, Watch(what, val))


if __name__ == "__main__":
    main()
