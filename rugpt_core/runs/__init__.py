"""A run: its stages, parameters and presets, and the chain that brings it up to date."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "STAGES": "layout",           # every stage with its folder, what it reads and its entry point
    "Stage": "stage",             # one stage of one run
    "open_stage": "chain",        # the stage that a notebook is
    "run_chain": "chain",         # bring stages up to date, one after another
    "load_preset": "parameters",  # the values that a preset gives
})
