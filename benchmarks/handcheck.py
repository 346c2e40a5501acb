"""300 places that cleaning rules changed in real articles, drawn with a fixed seed and read one by one.

The verdicts are in benchmarks/results/handcheck*.json, a file a seed: `right`, or `wrong` with a note. This script
draws the places again, takes over the verdicts of those that were read, and names those that were not; the reader
then fills in their verdicts. 200 places are drawn evenly over the rules, 100 by how often a rule changes something.
No article is drawn that an earlier seed has used. It needs the real articles beside the repository, of which the file
keeps a few words around each place. The files of the first two seeds were drawn by an earlier version of this script
and stay as they are.

--share reads nothing: it counts all changes of every rule in all articles, tells by comparison which of them alter
white space, stress marks or invisible characters alone, and weighs the shares of wrong places in the newest readings
by how often each rule changes something else."""
import argparse
import json
import random
import re
import unicodedata
from collections import Counter
from datetime import date
from pathlib import Path

from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.article import parse
from rugpt_core.corpus.readers import read_source
from rugpt_core.corpus.rule_engine import RULES, Edit, rule_hits
from rugpt_core.metrics.statistics import share_interval

DATA = ROOT.parent/"shared/data/ruwiki/wiki40b_style.jsonl.gz"
DRAWS = ({20261124: 260, 20261125: 260}, {20261129: 300, 20261130: 300}, {20261202: 300}, {20261203: 60},
    {20261204: 300})
COUNTED, SPARE = 20261130, 20261205 # of COUNTED's articles 60 were counted by patterns, none was read: SPARE reads them
AGAIN = 20261206 # articles of the first two seeds, other places: none are left that were never used
# every article has been used: each of these seeds draws articles afresh and leaves out all places that earlier files
# have, and the articles named in its own file under left_out, which were read otherwise while the rules were mended
PLACES, SAMPLE = (*range(20261207, 20261232), *range(20270101, 20270118)), 320
A_RULE = {20261224: 15, 20261231: 15} # of other seeds OF_ONE_RULE
SEED, EVEN, FREQUENT, OF_ONE_RULE = 20261202, 200, 100, 60
EVENLY = {20261207: 300, 20261222: 0} # of other seeds EVEN
FREQUENTLY = {20261222: 60} # of other seeds FREQUENT
ABOUT = "300 places that rules changed, read one by one: 200 drawn evenly over the rules, 100 by frequency."


def fresh_articles(total: int, seed: int) -> list[int]:
    """Positions of the articles of a seed of DRAWS. Each group leaves out the articles of all groups before it."""
    if seed in PLACES:
        return sorted(random.Random(seed).sample(range(total), min(SAMPLE, total)))
    if seed == SPARE:
        return sorted(set(fresh_articles(total, COUNTED)) - set(fresh_articles(total, 20261129)))
    if seed == AGAIN:
        return sorted({i for s in DRAWS[0] for i in fresh_articles(total, s)})
    used = set()
    for group in DRAWS:
        rest = [i for i in range(total) if i not in used]
        drawn = {s: random.Random(s).sample(rest, min(n, len(rest))) for s, n in group.items()}
        if seed in drawn:
            return sorted(drawn[seed])
        used |= {i for articles in drawn.values() for i in articles}
    raise SystemExit(f"seed {seed} is none of DRAWS")


def at(place: dict) -> tuple:
    """What tells one place from another."""
    return place["source_id"], place["rule"], place["left"][-20:], place["before"][:40]


def read_before(seed: int) -> set[tuple]:
    """The places of all files but that of this seed."""
    files = [p for p in (ROOT/"benchmarks/results").glob("handcheck*.json") if str(seed) not in p.name]
    return {at(p) for f in files for p in json.loads(f.read_text(encoding="utf-8"))["places"]}


def draw(source: Path, seed: int, rules: list[str], left_out: set[str]) -> tuple[dict[str, int], list[dict]]:
    """Hits of every rule in the drawn articles, and the places: of some rules alone, or of all."""
    rng = random.Random(seed)
    raws = [raw for raw in read_source(str(source)) if raw.source_id not in left_out]
    by = {rule: [] for rule in RULES}
    known = read_before(seed) if seed in PLACES else set()
    whole = seed in PLACES and rules # some rules are rare
    for i in range(len(raws)) if whole else fresh_articles(len(raws), seed):
        for h in rule_hits(parse(raws[i]), around=48):
            by[h.rule].append(dict(source_id=raws[i].source_id, rule=h.rule, left=h.left[-40:], before=h.before[-160:],
                                   after=h.after[:60], right=h.right[:40]))
    if known:
        by = {rule: [h for h in hits if at(h) not in known] for rule, hits in by.items()}
    totals = {rule: len(hits) for rule, hits in by.items()}
    if rules:
        return totals, [h | dict(drawn="one rule") for rule in rules
                        for h in rng.sample(by[rule], min(A_RULE.get(seed, OF_ONE_RULE), len(by[rule])))]
    have = [rule for rule in by if by[rule]]
    share, left = dict.fromkeys(have, 0), EVENLY.get(seed, EVEN)
    while left > 0 and any(share[rule] < len(by[rule]) for rule in have):
        for rule in have:
            if left and share[rule] < len(by[rule]):
                share[rule] += 1
                left -= 1
    even = [h | dict(drawn="evenly") for rule in have for h in rng.sample(by[rule], share[rule])]
    frequent = rng.sample([h for rule in have for h in by[rule]], min(FREQUENTLY.get(seed, FREQUENT),
        sum(map(len, by.values()))))
    return totals, even + [h | dict(drawn="by frequency") for h in frequent]


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


READ_LEAST = 10 # places of a rule that make a reading of it
BOUND = 1/2000 # of changes that may lose meaning
SHARE = ROOT/"benchmarks/results/loss_share.json"
STRESS = "\u0300\u0301"


def seen(text: str) -> tuple[str, list[str]]:
    """Characters of a text without its white space, stress marks and invisible characters; its words."""
    text = "".join(c for c in text if c not in STRESS and unicodedata.category(c) not in ("Cf", "Cc") or c.isspace())
    return "".join(text.split()), re.findall(r"\w+", text)


def is_harmless(h: Edit) -> bool:
    """True for a change that leaves every word, digit and mark as it was, and joins or parts no words."""
    return seen(h.left + h.before + h.right) == seen(h.left + h.after + h.right)


def newest_reading(rule: str) -> tuple[int, int, list[int]]: # read, wrong, seeds
    """The verdicts on a rule in the newest files that have READ_LEAST of them together: older ones were given before it
    was mended."""
    read = wrong = 0
    seeds = []
    for f in sorted((ROOT/"benchmarks/results").glob("handcheck-*.json"), reverse=True):
        if read >= READ_LEAST:
            break
        data = json.loads(f.read_text(encoding="utf-8"))
        verdicts = Counter(p["verdict"] for p in data["places"] if p["rule"] == rule)
        if n := verdicts["right"] + verdicts["wrong"]:
            read, wrong = read + n, wrong + verdicts["wrong"]
            seeds.append(data["seed"])
    return read, wrong, seeds


def loss_share(source: Path) -> dict:
    """Changes of each rule, those that are harmless by comparison, and the share of all that lose meaning."""
    changes, harmless, articles = Counter(), Counter(), 0
    for raw in read_source(str(source)):
        articles += 1
        for h in rule_hits(parse(raw), around=48):
            changes[h.rule] += 1
            harmless[h.rule] += is_harmless(h)
    total = sum(changes.values())
    rules, value, bounds, squares = {}, 0., 0., 0.
    for rule, count in changes.most_common():
        rest = (count - harmless[rule])/total
        read, wrong, seeds = newest_reading(rule) if rest else (0, 0, [])
        share = share_interval(wrong, read, method="wilson") if read else dict(value=0., high=1.)
        value += rest*share["value"]
        bounds += rest*share["high"]
        squares += (rest*(share["high"] - share["value"]))**2
        rules[rule] = dict(changes=count, harmless=harmless[rule], share_of_others=round(rest, 6), read=read,
            wrong=wrong, wrong_high=round(share["high"], 4), seeds=seeds)
    loss = dict(value=value, high=value + squares**.5, sum_of_highs=bounds, bound=BOUND)
    return dict(about="share of all changes that lose meaning or leave a torso: for each rule its changes that are not "
        "harmless by comparison, weighed by the share of wrong places in its newest reading, verdicts as first given. "
        "high: 95 % Wilson limits of the rules combined by squares (MOVER); sum_of_highs: all of them at once, which "
        "is wider. A rule that nobody read counts as wholly wrong in the limits and as right in the value.",
        date=date.today().isoformat(), articles=articles, changes=total, harmless=sum(harmless.values()),
        loss={k: round(v, 7) for k, v in loss.items()}, rules=rules)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DATA)
    parser.add_argument("--seed", type=int, default=SEED,
        help="another seed draws other places, into a file of its own")
    parser.add_argument("--rules", nargs="+", default=[], help="only these rules, up to 60 places of each")
    parser.add_argument("--score", action="store_true",
        help="draw nothing: precision from the verdicts that the file has, after the rules were mended")
    parser.add_argument("--share", action="store_true",
        help="draw nothing: how many of all changes lose meaning, by the readings there are")
    args = parser.parse_args()
    result = ROOT/f"benchmarks/results/handcheck-{args.seed}.json"
    if not args.source.exists():
        return print(f"{args.source} is not here: nothing is drawn")
    if args.share:
        write_json(SHARE, loss_share(args.source))
        return print(json.loads(SHARE.read_text(encoding="utf-8"))["loss"], SHARE)
    about = f"places that {', '.join(args.rules)} changed, read one by one" if args.rules else ABOUT
    old = json.loads(result.read_text(encoding="utf-8")) if result.exists() else \
        dict(about=about, seed=args.seed, date=date.today().isoformat(), places=[])
    totals, places = old.get("hits_in_sample"), old["places"]
    if not args.score:
        known = {key(p): p for p in places}
        totals, places = draw(args.source, args.seed, args.rules, set(old.get("left_out", [])))
        unread = dict(verdict="unread", note="")
        places = [p | ({k: known[key(p)][k] for k in unread} if key(p) in known else unread) for p in places]
    counts = Counter(p["verdict"] for p in places)
    frequent = [p["verdict"] for p in places if p["drawn"] == "by frequency"]
    write_json(result, old | dict(hits_in_sample=totals, verdicts=dict(counts),
        by_frequency=dict(read=len(frequent), wrong=frequent.count("wrong")), precision=precision(places),
        places=places))
    print(dict(counts), result)


if __name__ == "__main__":
    main()
