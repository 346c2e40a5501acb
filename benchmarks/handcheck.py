"""200 places that cleaning rules changed in real articles, drawn with a fixed seed and read by a person.

The verdicts are in benchmarks/results/handcheck.json: `right`, or `wrong` with a note. This script draws the places again, takes
over the verdicts of those that were read, and names those that were not; a person then fills in their verdicts. It needs the
real articles beside the repository, of which the file keeps a few words around each place."""
import argparse
import json
import random
from collections import Counter
from pathlib import Path

from rugpt_core.corpus import parse
from rugpt_core.rules import RULES, rule_hits
from rugpt_core.runs import ROOT, write_json
from rugpt_core.sources import read_source

DATA = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
RESULT = ROOT/"benchmarks/results/handcheck.json"
SEED, ARTICLES, PLACES = 20261124, 260, 200


def draw(source: Path) -> tuple[dict[str, int], list[dict]]:
    """Hits of every rule in the drawn articles, and the places: at most as many of one rule as of another that has more."""
    rng = random.Random(SEED)
    raws = list(read_source(str(source)))
    by = {rule: [] for rule in RULES}
    for i in sorted(rng.sample(range(len(raws)), min(ARTICLES, len(raws)))):
        for h in rule_hits(parse(raws[i]), around=48):
            by[h.rule].append(dict(source_id=raws[i].source_id, rule=h.rule, left=h.left[-24:], before=h.before[:60], after=h.after[:60],  # noqa: E501
                                   right=h.right[:24]))
    have = [rule for rule in by if by[rule]]
    share = {rule: min(len(by[rule]), 4) for rule in have}
    left = PLACES - sum(share.values())
    while left > 0 and any(share[rule] < len(by[rule]) for rule in have):
        for rule in have:
            if left and share[rule] < len(by[rule]):
                share[rule] += 1
                left -= 1
    return {rule: len(hits) for rule, hits in by.items()}, [h for rule in have for h in rng.sample(by[rule], share[rule])]


def key(place: dict) -> tuple:
    return tuple(place[k] for k in ("source_id", "rule", "left", "before", "right"))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DATA)
    args = parser.parse_args()
    if not args.source.exists():
        return print(f"{args.source} is not here: nothing is drawn")
    old = json.loads(RESULT.read_text(encoding="utf-8"))
    known = {key(p): p for p in old["places"]}
    totals, places = draw(args.source)
    places = [p | {k: known[key(p)][k] for k in ("verdict", "note")} if key(p) in known else p | dict(verdict="unread", note="") for p in places]  # noqa: E501
    counts = Counter(p["verdict"] for p in places)
    write_json(RESULT, old | dict(hits_in_sample=totals, verdicts=dict(counts), places=places))
    print(dict(counts), RESULT)


if __name__ == "__main__":
    main()
