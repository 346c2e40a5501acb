"""Figures and tables of notebooks and report."""
import logging

from ..common.lazy import lazy_names

logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it would tell a notebook of a home that is not writable

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "save": "style",                     # a figure to a file
    "language": "style",                 # figures that are told no language speak this one
    "chart": "style",                    # one chart in the style of the project
    "bars": "charts",                    # horizontal bars
    "funnel": "charts",                  # what is left after each step
    "histogram": "charts",               # a histogram
    "topic_bars": "charts",              # articles by topic, before and after the sample is drawn
    "loss_curves": "charts",             # validation loss in bits per byte
    "budget": "charts",                  # parameters by part
    "repetition": "charts",              # repeated n-grams by length
    "strategy_chart": "charts",          # decoding strategies beside each other
    "confusion": "diagnostics",          # topics that a classifier takes for others
    "reliability_chart": "diagnostics",  # accuracy against stated probability
    "vocabulary_use": "diagnostics",     # frequency and coverage of pieces
    "vocabulary_costs": "diagnostics",   # parameters and FLOPs of vocabularies
    "tao_estimate": "diagnostics",       # the best vocabulary by size of the model
    "loss_and_rate": "diagnostics",      # loss and learning rate by step
    "speed_and_memory": "diagnostics",   # tokens a second and memory by step
    "confidence_curve": "diagnostics",   # log-probability by position
    "loops": "diagnostics",              # repetition against confidence, and loops
    "novelty_curves": "diagnostics",     # novel n-grams by n
    "browse": "tables",                  # articles to leaf through
    "beside_sources": "tables",          # rewrites beside what they rewrite
    "provenance": "tables",              # where synthetic articles come from
    "cost_table": "tables",              # hours for a million articles
    "side_by_side": "tables",            # continuations of the same openings
    "article_markdown": "tables",        # an article by anyone as Markdown
    "md_text": "style",                  # any text as Markdown that reads as exactly it
    "describe_texts": "tables",          # lengths and log-probabilities of a set
})
