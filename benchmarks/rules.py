"""Precision and recall of every cleaning rule on noise that was planted in the sample, where the right answer is
known."""
import argparse
import difflib
import json
import platform
import sys
from collections import Counter
from datetime import date

from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, write_json
from rugpt_core.corpus.article import Article, parse
from rugpt_core.corpus.encodings import decode_text
from rugpt_core.corpus.readers import RawArticle
from rugpt_core.corpus.rule_engine import RULES, clean_article, to_lines

SAMPLE = ROOT/"data/sample"


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def parsed(text) -> Article:
    return parse(RawArticle("wiki40b", "", "", decode_text(text), ""))


def cleaned(article, off=()) -> str:
    """The cleaned article as lines, without the paragraph that only a look at the whole corpus can tell for
    boilerplate."""
    sys.path.insert(0, str(SAMPLE))
    from plant_noise import BOILERPLATE
    return to_lines(clean_article(article, off)[0]).replace(BOILERPLATE + "\n", "").replace("\n" + BOILERPLATE, "")


def differences(want, got):
    """Where two texts differ: (start, end) in the first."""
    a, b = want.split("\n"), got.split("\n")
    found, at = [], [0]
    for line in a:
        at.append(at[-1] + len(line) + 1)
    for kind, i, j, k, n in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "replace" and j - i == n - k:
            for x, y in zip(range(i, j), range(k, n), strict=True):
                ops = difflib.SequenceMatcher(None, a[x], b[y], autojunk=False).get_opcodes()
                found += [(at[x] + p, at[x] + q) for op, p, q, _, _ in ops if op != "equal"]
        elif kind != "equal":
            found.append((at[i], at[j]))
    return found


def places(want, marked, planted):
    """Where each planted item stands in the lines of the clean article."""
    spots, end = [], 0
    for item in planted:
        def strip(s):
            return s.replace("_NEWLINE_", "\n")
        for marker in ("_START_ARTICLE_", "_START_SECTION_", "_START_PARAGRAPH_"):
            item = item | {k: item[k].replace(f"{marker}\n", "").replace(marker, "") for k in ("left", "right")}
        left, right = strip(item["left"])[-12:].lstrip("\n_"), strip(item["right"])[:12].rstrip("\n_")
        i = want.find(left + item["clean"] + right, max(0, end - 40))
        spots.append((-1, -1) if i < 0 else (i + len(left), i + len(left) + len(item["clean"])))
        end = max(end, spots[-1][0])
    return spots


def evaluate() -> dict:
    """Counts by rule: planted, mended, wrong; traps and those that were left alone."""
    rows = {str(r["version_id"]): r for r in read_jsonl(SAMPLE/"wiki40b_ru.jsonl")}
    out = {name: Counter() for name in RULES}
    wrong = []
    for answer in read_jsonl(SAMPLE/"answers.jsonl"):
        article, want = parsed(rows[answer["version_id"]]["text"]), to_lines(parsed(answer["clean"]))
        got = cleaned(article)
        spots = places(want, answer["clean"], answer["planted"])
        left = [] if got == want else differences(want, got)
        for item, (a, b) in zip(answer["planted"], spots, strict=True):
            mended = not any(x <= b + 1 and a - 1 <= y for x, y in left)
            out[item["rule"]]["planted"] += 1
            out[item["rule"]]["mended"] += mended
            if not mended:
                place = f"{item['left']}⟦{item['noisy']}⟧{item['right']}"
                wrong.append((answer["version_id"], "missed", item["rule"], place))
        for x, y in left:
            if any(x <= b + 1 and a - 1 <= y for a, b in spots):
                continue
            guilty = [r for r in RULES if (x, y) not in differences(want, cleaned(article, [r]))] or ["nfc"]
            out[guilty[0]]["wrong"] += 1
            wrong.append((answer["version_id"], "wrong", guilty[0], want[max(0, x - 30):y + 30]))
        for trap in answer["traps"]:
            out[trap["rule"]]["traps"] += 1
            out[trap["rule"]]["kept"] += trap["text"] in got
    return dict(rules=out, wrong=wrong)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    found, rows = evaluate(), []
    for name, c in found["rules"].items():
        if not c["planted"]:
            continue
        precision, recall = c["mended"]/max(c["mended"] + c["wrong"], 1), c["mended"]/c["planted"]
        print(f"{name:20} planted {c['planted']:4} mended {c['mended']:4} wrong {c['wrong']:3} precision "
            f"{precision:.3f} recall {recall:.3f} traps {c['kept']}/{c['traps']}")
        for metric, value, n in (("precision", precision, c["mended"] + c["wrong"]), ("recall", recall, c["planted"]),
                                 ("traps left alone", c["kept"]/c["traps"] if c["traps"] else None, c["traps"])):
            rows.append(dict(work=f"planted noise: {name}", who="rugpt", metric=metric, unit=f"share of {n}",
                             median=value, min=value, max=value, runs=1, ratio_to=None, ratio=None))
    for line in found["wrong"]:
        print(*line)
    write_json(ROOT/"benchmarks/results/rules.json", dict(machine=f"{platform.machine()}, {platform.system()}",
               versions=versions(), date=date.today().isoformat(), rows=rows))


if __name__ == "__main__":
    main()
