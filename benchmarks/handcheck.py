"""300 places that cleaning rules changed in real articles, drawn with a fixed seed and read one by one.

The verdicts are in benchmarks/results/handcheck*.json, a file a seed: `right`, or `wrong` with a note. This script
draws
the places again, takes over the verdicts of those that were read, and names those that were not; the reader then fills
in
their verdicts. 200 places are drawn evenly over the rules, 100 by how often a rule changes something. No article is
drawn
that an earlier seed has used. It needs the real articles beside the repository, of which the file keeps a few words
around each place. The files of the first two seeds were drawn by an earlier version of this script and stay as they
are."""
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
from rugpt_core.metrics.statistics import share_interval

DATA = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
EARLIER, OF_EARLIER = (20261124, 20261125), 260 # seeds, articles of each
SEED, ARTICLES, EVEN, FREQUENT = 20261129, 300, 200, 100
ABOUT = "300 places that rules changed, read one by one: 200 drawn evenly over the rules, 100 by frequency."


def fresh_articles(total: int, seed: int) -> list[int]:
    """Positions of articles that no earlier seed has drawn."""
    used = {i for s in EARLIER for i in random.Random(s).sample(range(total), min(OF_EARLIER, total))}
    rest = [i for i in range(total) if i not in used]
    return sorted(random.Random(seed).sample(rest, min(ARTICLES, len(rest))))


def draw(source: Path, seed: int) -> tuple[dict[str, int], list[dict]]:
    """Hits of every rule in the drawn articles, and the places."""
    rng = random.Random(seed)
    raws = list(read_source(str(source)))
    by = {rule: [] for rule in RULES}
    for i in fresh_articles(len(raws), seed):
        for h in rule_hits(parse(raws[i]), around=48):
            by[h.rule].append(dict(source_id=raws[i].source_id, rule=h.rule, left=h.left[-40:], before=h.before[-160:],
                                   after=h.after[:60], right=h.right[:40]))
    have = [rule for rule in by if by[rule]]
    share, left = dict.fromkeys(have, 0), EVEN
    while left > 0 and any(share[rule] < len(by[rule]) for rule in have):
        for rule in have:
            if left and share[rule] < len(by[rule]):
                share[rule] += 1
                left -= 1
    even = [h | dict(drawn="evenly") for rule in have for h in rng.sample(by[rule], share[rule])]
    frequent = rng.sample([h for rule in have for h in by[rule]], min(FREQUENT, sum(map(len, by.values()))))
    return {rule: len(hits) for rule, hits in by.items()}, even + [h | dict(drawn="by frequency") for h in frequent]


def key(place: dict) -> tuple:
    return tuple(place[k] for k in ("source_id", "rule", "left", "before", "right", "drawn"))


def precision(places: list[dict]) -> dict[str, dict]:
    """For each rule: places read, right ones, their share and its 95 % interval (Wilson 1927)."""
    out = {}
    for rule in RULES:
        read = [p["verdict"] for p in places if p["rule"] == rule and p["verdict"] in ("right", "wrong")]
        if read:
            right = read.count("right")
            share = share_interval(right, len(read), method="wilson")
            share = dict(precision=share["value"], low=share["low"], high=share["high"])
            out[rule] = dict(read=len(read), right=right) | {k: round(v, 4) for k, v in share.items()}
    return out


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=SEED,
        help="another seed draws other places, into a file of its own")
    args = parser.parse_args()
    result = ROOT/f"benchmarks/results/handcheck-{args.seed}.json"
    if not args.source.exists():
        return print(f"{args.source} is not here: nothing is drawn")
    old = json.loads(result.read_text(encoding="utf-8")) if result.exists() else \
        dict(about=ABOUT, seed=args.seed, articles=ARTICLES, date=date.today().isoformat(), places=[])
    known = {key(p): p for p in old["places"]}
    totals, places = draw(args.source, args.seed)
    unread = dict(verdict="unread", note="")
    places = [p | ({k: known[key(p)][k] for k in unread} if key(p) in known else unread) for p in places]
    counts = Counter(p["verdict"] for p in places)
    write_json(result, old | dict(hits_in_sample=totals, verdicts=dict(counts), precision=precision(places),
        places=places))
    print(dict(counts), result)


if __name__ == "__main__":
    main()
