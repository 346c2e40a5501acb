"""What of the noise that a reader found in whole cleaned articles is still there, by kind.

The places, a few words each, are in benchmarks/results/noise_read*.json: whether the rules of 0d57cfc left them
(`before`) and whether those of the day of the reading did (`read`). This script cleans the same articles now and looks
for each place (`mended`): rules were mended after these very places, so its count is a bound and no estimate. A place
that the rules made anew is not seen."""
import argparse
import json
from pathlib import Path

from handcheck import DATA

from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.article import parse, render
from rugpt_core.corpus.readers import read_source
from rugpt_core.corpus.rule_engine import clean_article

RESULT = ROOT/"benchmarks/results/noise_read.json"
VERSIONS = ("before", "read", "mended")


def cleaned(source: Path, wanted: set[str]) -> dict[str, str]:
    """Titles and texts of some articles as the rules leave them now, by id."""
    articles = {raw.source_id: clean_article(parse(raw))[0] for raw in read_source(str(source))
                if raw.source_id in wanted}
    return {i: f"{article.title}\n{render(article)[0]}\n" for i, article in articles.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DATA)
    parser.add_argument("--result", type=Path, default=RESULT, help="the reading, e.g. noise_read-20261207.json")
    args = parser.parse_args()
    if not args.source.exists():
        return print(f"{args.source} is not here: nothing is counted")
    result = json.loads(args.result.read_text(encoding="utf-8"))
    texts, places = cleaned(args.source, set(result["articles"])), result["places"]
    for place in places:
        place["mended"] = place["text"] in texts[place["source_id"]]
    result["characters"]["mended"] = sum(map(len, texts.values()))
    result["kinds"] = {kind: {v: sum(p[v] for p in places if p["kind"] == kind) for v in VERSIONS}
                       for kind in sorted({p["kind"] for p in places})}
    result["total"] = {v: sum(p[v] for p in places) for v in VERSIONS}
    result["per_1000_characters"] = {v: round(1000*n/result["characters"][v], 4) for v, n in result["total"].items()}
    write_json(args.result, result)
    print(result["total"], result["per_1000_characters"])


if __name__ == "__main__":
    main()
