"""Minimal pairs made by templates: `python data/sample/minimal_pairs.py` writes minimal_pairs.csv again."""
import csv
import io
from collections.abc import Sequence
from pathlib import Path

from rugpt_core.common.files import write_atomic
from rugpt_core.metrics.likelihood import PAIR_FIELDS, Pair
from rugpt_core.metrics.russian import morphology

NOUNS = "город поезд завод музей вокзал река дорога школа станция крепость озеро село море здание дерево".split()
VERBS = "появиться исчезнуть вернуться измениться остаться".split()
ADJECTIVES = "старый новый большой известный далёкий северный".split()
# case → a preposition that governs it alone
PLACES = {"loct": "при", "gent": "около", "datv": "ближе к", "ablt": "перед"}

def template_pairs() -> list[Pair]:
    "Minimal pairs made by templates, in a fixed order."
    m, out = morphology(), []
    def noun(w):
        return next(p for p in m.parse(w) if p.tag.POS == "NOUN" and p.tag.case == "nomn" and p.tag.number == "sing")
    for i, w in enumerate(NOUNS):
        n, verb = noun(w), next(p for p in m.parse(VERBS[i % len(VERBS)]) if p.tag.POS == "INFN")
        def past(*tags, verb=verb):
            return verb.inflect({"past", *tags}).word
        right, cap = past("sing", n.tag.gender), w.capitalize()
        wrong = next(g for g in ("femn", "masc") if g != n.tag.gender)
        out.append(Pair(f"{cap} {right} ещё вчера.", f"{cap} {past('plur')} ещё вчера.", "subject and verb: number",
            "own_number"))
        out.append(Pair(f"{cap} {right} ещё вчера.", f"{cap} {past('sing', wrong)} ещё вчера.",
            "subject and verb: gender", "own_gender"))
        for k, (case, word) in enumerate(PLACES.items()):
            a = next(p for p in m.parse(ADJECTIVES[(i + k) % len(ADJECTIVES)]) if p.tag.POS == "ADJF")
            good, bad = (a.inflect({c, "sing", n.tag.gender}).word for c in (case, "nomn"))
            thing = n.inflect({case, "sing"}).word
            out.append(Pair(f"Они стояли {word} {good} {thing}.", f"Они стояли {word} {bad} {thing}.",
                            "adjective and noun: case", "own_case"))
    return out

def write_pairs(
    path: str | Path, # a .csv file
    pairs: Sequence[Pair],
) -> Path:
    "Write pairs in RuBLiMP's columns."
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["id", *PAIR_FIELDS])
    rows.writerows([i, *p] for i, p in enumerate(pairs))
    return write_atomic(path, buffer.getvalue())

if __name__ == "__main__":
    write_pairs(Path(__file__).with_suffix(".csv"), template_pairs())
