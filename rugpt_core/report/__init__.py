"""The report of a run, in two languages."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "build_report": "stage",  # the stage report
    "gather": "facts",        # the numbers of a run
})
