"""Analysis of generated texts beside human ones."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "TextSet": "text_sets",    # a set of texts of one origin
    "analyze": "stage",        # the stage artifacts
    "run_planted": "planted",  # the experiment with planted facts
    "PlantedPlan": "planted_texts",  # its design
})
