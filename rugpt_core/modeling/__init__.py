"""Models: architecture, loss, checkpoints, scaling laws."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "ModelConfig": "model",                # family and shape of a model
    "Model": "model",                      # a language model
    "build_model": "model",                # a model with fresh weights
    "head_loss": "loss",                   # cross-entropy of the head, logits never all in memory
    "load_checkpoint": "checkpoint",       # a stored model and what is known of it
    "load_model": "checkpoint",            # a model from its folder
    "save_checkpoint": "checkpoint",       # a model to a folder
    "parameter_groups": "model",           # parameters by part, summing to the total
    "flops_per_token": "model",            # training FLOPs of a token
    "chinchilla": "scaling_laws",          # loss by parameters and tokens (Hoffmann et al. 2022)
    "data_constrained": "scaling_laws",    # the same with repeated data (Muennighoff et al. 2023)
    "optimal_vocabulary": "scaling_laws",  # best size of a vocabulary (Tao et al. 2024)
})
