"""The command `rugpt`."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "main": "main",  # parse the command line and run
})
