"""200 places that cleaning rules changed in real articles, drawn with a fixed seed and read by a person.

The verdicts are in benchmarks/results/handcheck*.json, a file a seed: `right`, or `wrong` with a note. This script draws
the places again, takes over the verdicts of those that were read, and names those that were not; a person then fills in
their verdicts. It needs the real articles beside the repository, of which the file keeps a few words around each place."""
import argparse
import json
import random
from collections import Counter
from datetime import date
from pathlib import Path

from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.article import parse
from rugpt_core.corpus.readers import read_source
from rugpt_core.corpus.rule_engine import RULES, rule_hits

DATA = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
SEED, ARTICLES, PLACES = 20261124, 260, 200
ABOUT = "200 places that rules changed, read one by one. Drawn evenly over the rules, not by frequency."


def draw(source: Path, seed: int) -> tuple[dict[str, int], list[dict]]:
    """Hits of every rule in the drawn articles, and the places: at most as many of one rule as of another that has more."""
    rng = random.Random(seed)
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
    parser.add_argument("--seed", type=int, default=SEED, help="another seed draws other places, into a file of its own")
    args = parser.parse_args()
    result = ROOT/"benchmarks/results"/f"handcheck{'' if args.seed == SEED else f'-{args.seed}'}.json"
    if not args.source.exists():
        return print(f"{args.source} is not here: nothing is drawn")
    old = json.loads(result.read_text(encoding="utf-8")) if result.exists() else \
        dict(about=ABOUT, seed=args.seed, articles=ARTICLES, date=date.today().isoformat(), places=[])
    known = {key(p): p for p in old["places"]}
    totals, places = draw(args.source, args.seed)
    places = [p | {k: known[key(p)][k] for k in ("verdict", "note")} if key(p) in known else p | dict(verdict="unread", note="") for p in places]  # noqa: E501
    counts = Counter(p["verdict"] for p in places)
    write_json(result, old | dict(hits_in_sample=totals, verdicts=dict(counts), places=places))
    print(dict(counts), result)


if __name__ == "__main__":
    main()
