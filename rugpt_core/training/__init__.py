"""Training: settings, batches, optimisers, the loop."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "TrainConfig": "config",       # settings of a training
    "resolve_settings": "config",  # model and training settings from the dial and what is given
    "train_model": "trainer",      # train one model, resumably
    "train_run": "stage",          # train in a run directory that has tokens/
})
