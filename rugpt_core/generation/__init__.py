"""Text from trained models."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "STRATEGIES": "strategies",  # decoding strategies by name
    "generate": "engine",        # texts for prompts
    "stream": "engine",          # a text piece by piece
    "Decoding": "strategies",    # settings of decoding
    "Generation": "engine",      # a generated text with its ids and log-probabilities
    "run_model": "stage",        # the continuations of one model
})
