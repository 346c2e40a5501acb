"""Who is measured beside us, and the environment of the process that runs one of them."""
import os

from rugpt_core.common.environment import installed
from rugpt_core.common.files import ROOT


def known(base: str, nanogpt: str) -> dict[str, dict]:
    """Everybody who is there, by name, and how a peer's process is told; ours first."""
    there = {"ours": dict(who="ours")}
    if base:
        there["ours before"] = dict(who="ours", folder=base)
    if nanogpt:
        there["nanoGPT"] = dict(who="nanogpt", checkout=nanogpt)
    if installed("accelerate"):
        there |= {f"transformers Trainer of {name}": dict(who=f"trainer-{key}")
                  for name, key in (("Qwen3ForCausalLM", "qwen3"), ("GPT2LMHeadModel", "gpt2"))}
    return there


def environment(threads: int, folder: str = "") -> dict[str, str]:
    """Variables of a process that takes the project from a folder; empty: from this checkout."""
    path = os.pathsep.join([folder or str(ROOT), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    return os.environ | dict(PYTHONPATH=path, OMP_NUM_THREADS=str(threads), PYTHONSAFEPATH="")
