"""What is left of noise in 60 real articles that no check used before: candidates by kind, for each 1,000 characters.

A candidate is a place that a wide pattern finds, wider than the rules' own; not each is noise, so the counts compare
two versions of the rules and are no census. The articles were not read whole. With --cleaned the texts come from
another version: JSON lines with id and text, one for each article."""
import argparse
import json
import random
import re
from datetime import date
from pathlib import Path

from handcheck import DATA, fresh_articles

from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.article import parse, render
from rugpt_core.corpus.readers import read_source
from rugpt_core.corpus.rule_engine import clean_article

SEED, ARTICLES = 20261130, 60
RESULT = ROOT/"benchmarks/results/noise_left.json"
KINDS = {
    "colon before prose": re.compile(r"(?<!»):(?=\n\n[А-ЯЁ][^\n«\"—–]{150,}\.(?:\n|$))"),
    "colon at the end": re.compile(r":(?=\Z)"),
    "sound, archive, button": re.compile(
        r"о файле|Wayback|Архивировано|Дата обращения|Оригинальный текст \(|\[(?:показ|скры|править)"),
    "mark of an editor": re.compile(r"\[[а-яё ]{2,40}\?\]|\[(?:источник|страница|уточнить)[^\]]*\]"),
    "sends elsewhere": re.compile(r"^(?:См\. также|Основная статья|Категория)\b[^\n.]*$", re.M),
    "lone Latin letter": re.compile(r"(?<=[а-яё,] )[aco](?= [а-яё]{2})"),
    "mixed scripts": re.compile(r"[а-яё][aceopxy]|[aceopxy][а-яё]"),
    "hyphen or en dash for a dash": re.compile(r"(?<=[а-яё»,)]) [-–] (?=[а-яё«])"),
    "marks alone or doubled": re.compile(r"(?<![.?!])\.\.(?!\.)|,,|,\.(?=\s)|[,;:(=—–] [,;:.](?= |$)|\(\s*\)|«\s*»"),
    "space before a mark": re.compile(r"(?<=\w) [,;](?=\s)|(?<=[а-яё]) \.(?=\s|$)"),
    "transcription in a bracket": re.compile("\\([^()\n]*\\[[^\\]\n]*[\u0250-\u02af\u02c8][^\\]\n]*\\]"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, default=DATA)
    parser.add_argument("--who", default="now", help="name of the version that cleaned the texts")
    parser.add_argument("--cleaned", type=Path, help="texts that another version has cleaned")
    args = parser.parse_args()
    raws = list(read_source(str(args.source)))
    fresh = [i for i in fresh_articles(len(raws), SEED) if i not in set(fresh_articles(len(raws), 20261129))]
    chosen = [raws[i] for i in sorted(random.Random(SEED).sample(fresh, ARTICLES))]
    if args.cleaned:
        rows = {r["id"]: r["text"] for r in map(json.loads, args.cleaned.read_text(encoding="utf-8").splitlines())}
        texts = [rows[raw.source_id] for raw in chosen]
    else:
        texts = [render(clean_article(parse(raw))[0])[0] for raw in chosen]
    characters = sum(map(len, texts))
    counts = {kind: sum(len(pattern.findall(t)) for t in texts) for kind, pattern in KINDS.items()}
    total = sum(counts.values())
    old = dict(about=__doc__.split("\n")[0], seed=SEED, rows={})
    if RESULT.exists():
        old = json.loads(RESULT.read_text(encoding="utf-8"))
    old["rows"][args.who] = dict(date=date.today().isoformat(), articles=ARTICLES, characters=characters,
        candidates=counts, total=total, per_1000_characters=round(1000*total/characters, 4))
    old["articles"] = [raw.source_id for raw in chosen]
    write_json(RESULT, old)
    print(args.who, counts, old["rows"][args.who]["per_1000_characters"])


if __name__ == "__main__":
    main()
