"""Models to and from other formats."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "export_run": "stage",           # export the model of a run
    "write_gguf": "gguf",            # a model as a GGUF file
    "from_transformers": "weights",  # a model from a folder of transformers
    "from_nanogpt": "weights",       # a model from a checkpoint of nanoGPT
    "import_checkpoint": "weights",  # either of these to a folder
    "open_starts": "starts",         # models that training can start from
})
