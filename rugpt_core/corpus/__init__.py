"""Articles: read, explored, cleaned, filtered, deduplicated."""
from ..common.lazy import lazy_names

__all__, __getattr__, __dir__ = lazy_names(__name__, {
    "read_source": "readers",        # raw articles of a file, folder, dump or hub name
    "Article": "article",            # title and sections of an article
    "parse": "article",              # text with the markers of wiki40b to an Article
    "render": "article",             # an Article to plain text
    "clean_text": "rule_engine",     # a text through the cleaning rules
    "clean_article": "rule_engine",  # an Article through the cleaning rules
    "RULES": "rule_engine",          # the cleaning rules in their order
    "FILTERS": "filters",            # the filters that refuse an article
    "exact_duplicates": "dedup",     # articles with the same letters and digits
    "near_duplicates": "dedup",      # articles that share most of their five-word runs
    "clean_corpus": "cleaning",      # the pass over a whole source
})
