"""Models to and from other formats."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "export_run": "stage",           # export the model of a run
    "publish_model": "published",    # a model of a run as a small folder in models/
    "open_published": "published",   # such a folder, its files checked
    "write_gguf": "gguf",            # a model as a GGUF file
    "from_transformers": "weights",  # a model from a folder of transformers
    "from_nanogpt": "weights",       # a model from a checkpoint of nanoGPT
    "import_checkpoint": "weights",  # either of these to a folder
    "open_starts": "starts",         # models that training can start from
})
