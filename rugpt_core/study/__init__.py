"""The study: a grid of trainings, their results, and the claims that rest on them."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "expand": "grid",           # the cells of a preset
    "read_table": "grid",       # the table of the study
    "StudyData": "data",        # the texts and tokens that cells share
    "run_cell": "cells",        # train and measure a cell
    "run_grid": "runner",       # cell by cell, until all are done or the time is over
    "read_results": "results",  # the results of a preset
    "evaluate": "claims",       # the estimate that an expression over results stands for
    "check_claims": "claims",   # the claims that results do not bear
    "learning_curves": "figures",  # bits per byte by the text read
    "measure_points": "figures",   # one measure of cells against another
    "over_time": "figures",        # artifacts after each share of the training
    "results_table": "figures",    # a row for each trained cell
    "write_article": "article",    # the article, every number of which comes from the results
    "write_flagship": "flagship",  # the published model's numbers and texts, as the article shows them
})
