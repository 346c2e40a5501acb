"""Measures of texts and of models, usable without a run."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "rep_n": "repetition",            # share of n-grams that are repeats (Welleck et al. 2020)
    "rep_w": "repetition",            # share of tokens that occur in the w tokens before (Fu et al. 2021)
    "diversity": "repetition",        # product of distinct shares for n = 2, 3, 4 (Su et al. 2022)
    "distinct_n": "repetition",       # share of distinct n-grams (Li et al. 2016)
    "tail_loop": "repetition",        # the loop in which a text ends
    "suffix_array": "novelty",        # sorted suffixes of token ids
    "longest_matches": "novelty",     # longest copy of training text at every position
    "novel_n": "novelty",             # share of n-grams that the training text does not hold
    "copied_share": "novelty",        # share of tokens inside of long copies
    "find_entities": "entities",      # names and dates of texts
    "text_bits": "likelihood",        # bits per byte of a text
    "minimal_pairs": "likelihood",    # share of minimal pairs judged right
    "mean_interval": "statistics",    # a mean with an interval that holds at small n
    "ratio_interval": "statistics",   # a ratio of sums with its interval
    "share_interval": "statistics",   # a share with its interval (Clopper and Pearson 1934)
    "jackknife": "statistics",        # a pooled measure with its interval
    "paired_difference": "significance", # of two sets on the same openings, with interval and p-value
})
