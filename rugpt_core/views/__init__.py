"""Figures and tables of notebooks and report."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "save": "style",          # a figure to a file
    "chart": "style",         # one chart in the style of the project
    "bars": "charts",         # horizontal bars
    "funnel": "charts",       # what is left after each step
    "histogram": "charts",    # a histogram
    "loss_curves": "charts",  # training and validation loss
    "budget": "charts",       # parameters by part
    "repetition": "charts",   # repeated n-grams by length
})
