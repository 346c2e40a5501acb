"""Tokenizers and files of token ids."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "Tokenizer": "tokenizer",         # the interface of all tokenizers
    "load_tokenizer": "tokenizer",    # a tokenizer from its folder
    "train_bpe": "trainers",          # an own byte-level BPE
    "train_unigram": "trainers",      # an own Unigram model
    "gemma_tokenizer_json": "gemma",  # the whole Gemma tokenizer
    "trim_gemma": "trimming",         # the Gemma tokenizer with the pieces of a corpus alone
    "open_bins": "bins",              # train.bin and val.bin, checked
    "open_plain": "plain_bins",       # train.bin and val.bin of nanoGPT, which nothing describes
    "write_texts": "text_bins",       # a list of strings to train.bin and val.bin
    "Bins": "bins",                   # token ids of both splits
    "write_bins": "writer",           # documents to train.bin and val.bin
    "tokenize": "stage",              # the stage tokenize
})
