"""Properties that the measures of repetition must have, on generated texts and against slow definitions."""
import time
import zlib

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rugpt_core.metrics import repetition

ids = st.lists(st.integers(0, 5), max_size=60) # few different tokens, so that repeats are common
words = st.lists(st.integers(0, 2**20), max_size=60)
settings.register_profile("rugpt", deadline=None, derandomize=True, database=None)
settings.load_profile("rugpt")


def all_measures(x):
    """Every measure of token ids."""
    return ([repetition.rep_n(x, n) for n in (1, 2, 3, 4)] + [repetition.rep_w(x, w) for w in (1, 4, 16)]
            + [repetition.diversity(x), repetition.tail_loop(x, 2, 4), repetition.distinct_n([x, x[::2]], 2)])


def slow_rep_n(x, n):
    grams = [tuple(x[i:i + n]) for i in range(len(x) - n + 1)]
    return 1 - len(set(grams))/len(grams) if grams else None


def slow_tail_loop(x, min_exponent, min_length):
    found = []
    for p in range(1, len(x)):
        k = p
        while k < len(x) and x[-k - 1] == x[-k - 1 + p]:
            k += 1
        if k >= min_exponent*p and k >= min_length:
            found.append((-k, p))
    return repetition.Loop(min(found)[1], -min(found)[0]) if found else None


@given(ids, st.integers(1, 5))
def test_rep_n_is_its_definition(x, n):
    assert repetition.rep_n(x, n) == slow_rep_n(x, n)


@given(ids, st.integers(1, 20))
def test_rep_w_is_its_definition(x, w):
    slow = sum(t in x[max(0, i - w):i] for i, t in enumerate(x))/len(x) if x else None
    assert repetition.rep_w(x, w) == slow


@given(st.lists(ids, max_size=5), st.integers(1, 4))
def test_distinct_n_is_its_definition(texts, n):
    grams = [tuple(x[i:i + n]) for x in texts for i in range(len(x) - n + 1)]
    assert repetition.distinct_n(texts, n) == (len(set(grams))/len(grams) if grams else None)


@given(ids, st.sampled_from([1, 1.5, 2, 3]), st.sampled_from([0, 4, 16]))
def test_tail_loop_is_its_definition(x, min_exponent, min_length):
    assert repetition.tail_loop(x, min_exponent, min_length) == slow_tail_loop(x, min_exponent, min_length)


@given(ids, st.permutations(range(6)), st.integers(0, 10**9))
def test_renaming_ids_changes_nothing(x, names, shift):
    assert all_measures(x) == all_measures([names[i] + shift for i in x])


@given(st.one_of(ids, words))
def test_lists_and_arrays_of_any_integer_type_agree(x):
    assert all_measures(x) == all_measures(np.array(x, dtype=np.uint32)) == all_measures(tuple(x))


@given(ids, st.integers(0, 100))
def test_a_window_over_everything_is_rep_1(x, more):
    assume(x)
    assert repetition.rep_w(x, max(len(x) - 1, 1) + more) == pytest.approx(repetition.rep_n(x, 1))


@given(ids)
def test_a_wider_window_never_sees_less(x):
    assume(x)
    seen = [repetition.rep_w(x, w) for w in range(1, 70)]
    assert seen == sorted(seen)


@given(st.one_of(ids, words))
def test_longer_ngrams_have_no_fewer_unknowns_and_shares_stay_shares(x):
    values = [repetition.rep_n(x, n) for n in (1, 2, 3, 4)] + [repetition.rep_w(x, 16), repetition.diversity(x)]
    assert [v is None for v in values] == [len(x) < n for n in (1, 2, 3, 4)] + [not x, len(x) < 4]
    assert all(0 <= v <= 1 for v in values if v is not None)


@given(st.integers(1, 12), st.integers(3, 12), st.integers(1, 4))
def test_a_pure_loop(p, times, n):
    x = list(range(p))*times
    assume(len(x) - n + 1 >= p) # every n-gram of the loop stands at least once
    assert repetition.rep_n(x, n) == pytest.approx(1 - p/(len(x) - n + 1))
    assert repetition.tail_loop(x) == (repetition.Loop(p, len(x)) if len(x) >= repetition.MIN_LENGTH else None)


@given(ids, st.lists(st.integers(10, 15), min_size=1, max_size=6, unique=True), st.integers(3, 9))
def test_a_planted_loop_is_found(head, unit, times):
    x = head + unit*times # the head shares no token with the loop
    found = repetition.tail_loop(x)
    if len(unit)*times >= repetition.MIN_LENGTH:
        assert found == repetition.Loop(len(unit), len(unit)*times)
    else:
        assert found is None
    assert repetition.tail_loop(x + [99]) is None # one more token and the loop has ended


@given(ids)
def test_a_loop_is_what_it_says(x):
    found = repetition.tail_loop(x, 2, 4)
    if found:
        tail = x[-found.length:]
        assert tail[found.period:] == tail[:-found.period]
        assert found.exponent == found.length/found.period >= 2
        before = len(x) - found.length - 1 # the token in front does not continue it
        assert before < 0 or x[before] != x[before + found.period]


@given(st.text())
def test_compression_ratio_is_its_definition(text):
    data = text.encode()
    assert repetition.compression_ratio(text) == (len(data)/len(zlib.compress(data, 9)) if data else None)


@given(st.text(min_size=10, max_size=50))
def test_what_repeats_compresses(text):
    assert repetition.compression_ratio(text*20) > repetition.compression_ratio(text)


def test_values_by_hand():
    x = [1, 2, 1, 2, 1, 3] # pairs 12 21 12 21 13; triples 121 212 121 213
    assert [repetition.rep_n(x, n) for n in (1, 2, 3, 4)] == pytest.approx([1/2, 2/5, 1/4, 0])
    assert repetition.rep_w(x, 1) == 0
    assert repetition.rep_w(x, 2) == pytest.approx(3/6)
    assert repetition.diversity(x) == pytest.approx(3/5*3/4)
    assert repetition.distinct_n([x, [3, 1]], 2) == pytest.approx(4/6)
    assert repetition.tail_loop([0, 0, 7] + [1, 2, 3, 4]*4) == repetition.Loop(4, 16)


@pytest.mark.parametrize("x, undefined", [([], "all"), ([7], "ngrams"), ([7]*2, "ngrams")])
def test_too_short_is_undefined_and_no_zero(x, undefined):
    measures = repetition.document_measures(x, "")
    assert measures["rep_3"] is measures["rep_4"] is measures["diversity"] is measures["tail_loop"] is None
    assert (measures["rep_1"] is None) == (undefined == "all")
    assert measures["compression_ratio"] is None


def test_all_equal():
    measures = repetition.document_measures([7]*20, "я"*20)
    for n in (1, 2, 3, 4):
        assert measures[f"rep_{n}"] == pytest.approx(1 - 1/(21 - n))
    assert (measures["tail_loop"], measures["loop_period"], measures["loop_length"]) == (1, 1, 20)


@pytest.mark.parametrize("make", [
    lambda n: np.zeros(n, dtype=np.int64),
    lambda n: np.arange(n) % 2,
    lambda n: np.arange(n) % 33_333,
    lambda n: np.r_[np.zeros(n//2, dtype=np.int64), 1, np.zeros(n - n//2 - 1, dtype=np.int64)],
    lambda n: np.random.default_rng(0).integers(0, 3, n),
], ids=["equal", "pair", "long period", "almost equal", "random"])
def test_a_hundred_thousand_tokens_are_quick(make):
    x = make(100_000)
    start = time.process_time()
    repetition.tail_loop(x)
    assert time.process_time() - start < 1
    start = time.process_time()
    assert 0 <= repetition.diversity(x) <= 1 and 0 <= repetition.rep_w(x, 128) <= 1
    assert time.process_time() - start < 2


# --- measures of a text and of sets that came later

@given(ids)
def test_rep_r_is_its_definition(x):
    pairs = list(zip(x, x[1:], strict=False))
    inside = [any(pairs.count(pairs[j]) > 1 for j in (i - 1, i) if 0 <= j < len(pairs)) for i in range(len(x))]
    assert repetition.rep_r(x) == (None if len(x) < 2 else pytest.approx(sum(inside)/len(x)))


@given(st.lists(ids, max_size=5), st.integers(1, 4))
def test_micro_rep_n_is_its_definition(texts, n):
    grams = [[tuple(x[i:i + n]) for i in range(len(x) - n + 1)] for x in texts]
    total = sum(map(len, grams))
    assert repetition.rep_n_micro(texts,
        n) == (pytest.approx(1 - sum(len(set(g)) for g in grams)/total) if total else None)


@given(st.lists(ids, max_size=5), st.permutations(range(6)))
def test_renaming_ids_changes_no_measure_of_a_set(texts, names):
    renamed = [[names[i] + 7 for i in x] for x in texts]
    for n in (1, 2, 3):
        a, b = (np.sort(repetition.ngram_counts(t, n)) for t in (texts, renamed))
        assert a.tolist() == b.tolist()
        for f in (repetition.distinct_share, repetition.entropy_n, repetition.zipf, lambda c: repetition.ead(c, 50)):
            assert f(a) == f(b)
    assert repetition.self_bleu4(texts) == pytest.approx(repetition.self_bleu4(renamed))


@given(st.lists(st.integers(1, 50), max_size=40))
def test_measures_of_counts_stay_in_their_bounds(counts):
    c = np.array(counts, dtype=np.int64)
    entropy, slope = repetition.entropy_n(c), repetition.zipf(c)
    assert (entropy is None) == (repetition.distinct_share(c) is None) == (not counts)
    assert entropy is None or 0 <= entropy <= np.log2(max(len(c), 1)) + 1e-9
    assert (slope is None) == (len(c) < 2) and (slope is None or slope >= 0)
    expected = pytest.approx(repetition.distinct_share(c), rel=1e-3) if counts else None # no vocabulary runs out
    assert repetition.ead(c, 10**9) == expected


def slow_bleu(text, others):
    logs = 0
    for n in (1, 2, 3, 4):
        grams = [tuple(text[i:i + n]) for i in range(len(text) - n + 1)]
        most = {g: max(sum(tuple(o[i:i + n]) == g for i in range(len(o) - n + 1)) for o in others) for g in set(grams)}
        match = sum(min(grams.count(g), most[g]) for g in set(grams))
        if n == 1 and not match:
            return 0.
        logs += np.log((match or .1)/max(len(grams), 1))/4
    near = min((len(o) for o in others), key=lambda k: (abs(k - len(text)), k))
    return min(1, np.exp(logs)*(1 if len(text) > near else np.exp(1 - near/len(text))))


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=12), min_size=2, max_size=5))
def test_self_bleu_is_its_definition(texts):
    for i, found in enumerate(repetition.self_bleu4(texts)):
        assert found == pytest.approx(slow_bleu(texts[i], texts[:i] + texts[i + 1:]))
