"""Topics of articles, and the sample that is trained on."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "read_topics": "taxonomy",      # the list of topics
    "encoder_scores": "embedding",  # scores by the sentence encoder
    "NLI": "nli",                   # mDeBERTa as a zero-shot classifier
    "nli_scores": "nli",            # scores by mDeBERTa
    "Student": "student",           # a light classifier trained on labelled articles
    "select_balanced": "sampling",  # the sample, with a reason for every number
    "SamplePlan": "sampling",       # caps, floors, shares and size of the sample
    "classify": "stage",            # the stage classify
})
