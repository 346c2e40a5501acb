"""One trainer in a process of its own: makes so many steps as a line on standard input says, and answers with JSON.

Steps are timed inside; the peak is that of the resident memory of this process, which holds nothing but the trainer.
"""
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "2")
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # what a trainer prints itself is no answer


def peak_mb() -> float:
    from rugpt_core.common.environment import peak_memory_mb
    return peak_memory_mb()


def ours(tokens: Path, what: dict):
    """A step of our loop, and what it is."""
    import torch

    from rugpt_core.tokenization.bins import open_bins
    from rugpt_core.training.config import resolve_settings
    from rugpt_core.training.trainer import Run, introduction
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    bins = open_bins(tokens, verify=False)
    config, t = resolve_settings(what["family"], bins.vocab_size, len(bins.train), what["block_size"], what["n_layer"],
                                 **what["settings"])
    if what["family"] == "gpt2":
        import dataclasses
        config = dataclasses.replace(config, bias=False)
    run = Run(bins, config, t, "/nowhere", "/nowhere")

    def step():
        loss, norm = run.train_step()
        run.accept(loss, norm)
    return step, introduction(run), sum(p.numel() for p in run.model.parameters())


def theirs(tokens: Path, what: dict):
    import torch
    from nanogpt import Recipe, Trainer
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    shape = {k: what[k] for k in ("n_layer", "n_head", "n_embd", "block_size", "batch_size")}
    t = Trainer(tokens, Recipe(**shape), what["checkout"])
    return t.step, "nanoGPT's loop, all logits, AdamW", sum(p.numel() for p in t.model.parameters())


def main():
    what = json.loads(sys.argv[1])
    step, words, parameters = (ours if what["who"] == "ours" else theirs)(Path(what["tokens"]), what)
    about = dict(words=words, parameters=parameters, threads=os.environ["OMP_NUM_THREADS"])
    print(json.dumps(about), file=ANSWERS, flush=True)
    for line in sys.stdin:
        seconds = []
        for _ in range(int(line)):
            start = time.process_time()
            step()
            seconds.append(time.process_time() - start)
        print(json.dumps(dict(seconds=seconds, peak_mb=peak_mb())), file=ANSWERS, flush=True)


if __name__ == "__main__":
    main()
