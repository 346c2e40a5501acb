"""What a text copies, against slow definitions: articles are never joined, a copied article has nothing new."""
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rugpt_core.metrics import novelty

settings.register_profile("rugpt", deadline=None, derandomize=True, database=None)
settings.load_profile("rugpt")
tokens = st.lists(st.integers(1, 4), max_size=24)
corpora = st.lists(tokens, min_size=1, max_size=4)


def array_of(articles, shift=0):
    return novelty.suffix_array(np.array([t + shift if t else 0 for a in articles for t in [0, *a]]), 0)


def slow_matches(text, articles):
    found = []
    for i in range(len(text)):
        k = 0
        while i + k < len(text) and any(text[i:i + k + 1] == a[j:j + k + 1] for a in articles
                for j in range(len(a) - k)):
            k += 1
        found.append(k)
    return found


@settings(max_examples=150)
@given(corpora, st.lists(st.integers(1, 6), max_size=30), st.sampled_from([1, 4, 48]))
def test_longest_matches_are_their_definition(articles, text, deep):
    found, = novelty.longest_matches(array_of(articles), [text], deep)
    assert found.tolist() == slow_matches(text, articles)


@given(corpora, st.integers(0, 3))
def test_a_copied_article_has_nothing_new(articles, which):
    text = articles[which % len(articles)]
    assume(text)
    length, = novelty.longest_matches(array_of(articles), [text])
    assert [novelty.novel_n(length, n) for n in range(1, len(text) + 1)] == [0]*len(text)
    assert novelty.max_copy(length) == len(text) and novelty.copied_share(length, len(text)) == 1
    assert novelty.novel_n(length, len(text) + 1) is None


@given(corpora, tokens, st.integers(1, 10**5))
def test_renaming_ids_changes_nothing(articles, text, shift):
    a, = novelty.longest_matches(array_of(articles), [text])
    b, = novelty.longest_matches(array_of(articles, shift), [[t + shift for t in text]])
    assert a.tolist() == b.tolist()


@given(corpora, tokens)
def test_longer_stretches_are_no_less_new_and_shares_stay_shares(articles, text):
    length, = novelty.longest_matches(array_of(articles), [text])
    new = [novelty.novel_n(length, n) for n in range(1, len(text) + 1)]
    copied = [novelty.copied_share(length, k) for k in range(1, len(text) + 2)] if text else []
    assert all(0 <= v <= 1 for v in new + copied) and copied == sorted(copied, reverse=True)
    assert (novelty.max_copy(length) is None) == (not text)


@given(corpora, tokens, st.integers(1, 4))
def test_sources_hold_what_is_said_to_come_from_them(articles, text, k):
    sa = array_of(articles)
    length, = novelty.longest_matches(sa, [text])
    inside = novelty.copied(length, k)
    for c in novelty.copies(sa, text, length, k):
        part = text[c.start:c.start + c.length]
        spots = [(d, j) for d, a in enumerate(articles) for j in range(len(a) - c.length + 1)
            if a[j:j + c.length] == part]
        assert (c.times, c.articles, (c.document, c.offset)) == (len(spots), len({d for d, _ in spots}), spots[0])
        assert c.length >= k and inside[c.start:c.start + c.length].all()
    covered = np.zeros(len(text), dtype=bool)
    for c in novelty.copies(sa, text, length, k):
        covered[c.start:c.start + c.length] = True
    assert covered.tolist() == inside.tolist()


@pytest.mark.parametrize("text", [[], [3], [1]*50, list(range(1, 100))*1_000 + [5]],
    ids=["empty", "one", "equal", "long"])
def test_texts_of_every_kind(text):
    sa = array_of([[1]*30, [5, 6, 7]])
    length, = novelty.longest_matches(sa, [text])
    assert len(length) == len(text)
    assert novelty.max_copy(length) == (None if not text else 0 if text == [3] else 30 if text == [1]*50 else 3)


def test_an_empty_corpus():
    length, = novelty.longest_matches(novelty.suffix_array(np.array([], dtype=np.uint16), 0), [[1, 2]])
    assert length.tolist() == [0, 0]
