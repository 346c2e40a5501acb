"""New articles by a larger language model."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "Ask": "plan",                 # how a model is asked
    "Wanted": "plan",              # how many articles of which kind
    "Service": "session",          # the engine, its limits and its price
    "OpenAIEngine": "client",      # any OpenAI-compatible server
    "open_engine": "engines",      # an engine by its name
    "Journal": "journal",          # every answer, once
    "Bounds": "acceptance",        # thresholds of acceptance
    "judge_answer": "acceptance",  # the reasons to refuse an answer
    "plan_requests": "plan",       # the requests of a run
    "synthesize": "stage",         # the stage synthesize
})
