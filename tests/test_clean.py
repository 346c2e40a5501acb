"""Cleaning on what a source may hold: planted noise with known answers, broken files, other languages, look-alike
traps."""
import bz2
import functools
import gzip
import importlib.util
import json
import re
import unicodedata

import pytest
import zstandard
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import read_parquet
from rugpt_core.corpus import cleaning
from rugpt_core.corpus.article import parse
from rugpt_core.corpus.cleaning import clean_corpus
from rugpt_core.corpus.filters import language_of
from rugpt_core.corpus.readers import Faults, in_parts, read_source
from rugpt_core.corpus.rule_engine import RULES, clean_article, clean_text, to_lines
from rugpt_core.tokenization.splits import choose_roles

SAMPLE = ROOT/"data/sample/wiki40b_ru.jsonl"


@pytest.fixture(scope="module")
def found():
    """Counts of the benchmark of rules: what was planted in the sample, and what became of it."""
    spec = importlib.util.spec_from_file_location("bench_rules", ROOT/"benchmarks/rules.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.evaluate()


def test_planted_noise_is_mended_and_traps_are_left_alone(found):
    planted = {name: c for name, c in found["rules"].items() if c["planted"]}
    assert len(planted) >= 17, sorted(planted)
    for name, c in planted.items():
        assert c["planted"] >= 8 and c["mended"] >= .97*c["planted"], (name, c, found["wrong"])
        assert c["wrong"] == 0 and c["kept"] == c["traps"], (name, c, found["wrong"])
    assert sum(c["traps"] for c in planted.values()) >= 50


def test_cleaning_twice_changes_nothing_and_loses_no_letter():
    for raw in read_source(str(SAMPLE)):
        once, _ = clean_article(parse(raw))
        assert clean_article(once) == (once, {}), raw.where
        text = unicodedata.normalize("NFD", to_lines(parse(raw)))
        # noqa: E501
        for name in ("nfc", "invisible", "special_spaces", "stress", "homoglyphs", "repeated_spaces",
                "space_before_marks", "quotes", "dashes"):
            new = RULES[name].apply(text)[0]
            for letter in "йёЙЁ":
                # noqa: E501
                assert unicodedata.normalize("NFC", new).count(letter) == unicodedata.normalize("NFC",
                    text).count(letter), (raw.where, name)
            assert re.findall(r"\(\d{4}\)", new) == re.findall(r"\(\d{4}\)", text)
            text = new
        assert unicodedata.is_normalized("NFC", text)


@pytest.mark.parametrize("text", [
    # noqa: E501
    "19 [31] января 1865 года", "в ночь с 24 [5] на 25 [6] ноября", "сайт .рф и зона .ru", "вот ... и всё",
        "(1990) и (2004—2006)",
    # noqa: E501
    "масштаб 1 : 50 000", "вызов f() и a[1]", "йод, ёж, Йошкар-Ола", "Wi-Fi, pH, CO2, SMSка",
        "((вложенные) скобки (1812))", "5 - 3 = 2",
    "Кузьма́ч" .replace("\u0301", ""), "5\" труба", "«„внутри“»", "звук [ɨ]", "пятьдесят %", "Петров, Пётр",
])
def test_what_must_stay(text):
    sentence = f"Здесь сказано: {text} — и это верно."
    assert clean_text(sentence)[0] == sentence


@pytest.mark.parametrize("noisy, clean", [
    (unicodedata.normalize("NFD", "Ёлка, йод и Йошкар-Ола"), "Ёлка, йод и Йошкар-Ола"), ("мя́ч и ё́лка", "мяч и ёлка"),
    ("Нева (, см. ниже) и Ока (( )) [] ( ; )", "Нева и Ока"), ("город[1][прим. 2] стар [12] .", "город стар."),
    ('"Мцыри" и "Демон"', "«Мцыри» и «Демон»"), ("река - озеро", "река — озеро"),
        ("Mocква и Рocсия", "Москва и Россия"),
    ("век ХIХ и ХV", "век XIX и XV"), ("да&nbsp;нет<br/>или<ref>так</ref>", "да нет или"),
        ("ре\u00adка\u200b\ufeff", "река"),
    ("Лондон (англ. London [ˈlʌndən], МФА: [ˈlʌndən])", "Лондон (англ. London)"), ("10\u202f000\u00a0км", "10 000 км"),
    ("сноска[источник не указан 100 дней] вот", "сноска вот"), ("(((, )))", ""),
])
def test_what_must_go(noisy, clean):
    assert clean_text(noisy)[0] == clean


def test_optional_rule():
    text = "Птицы (лат. Aves) живут здесь с 1990 года."
    assert clean_text(text)[0] == text
    article = parse(next(read_source(str(SAMPLE))))
    article.sections = [("", [text])]
    assert clean_article(article, extra_rules=["foreign_glosses"])[0].sections[0][1] == ["Птицы живут здесь с 1990 "
        "года."]


# noqa: E501
PIECES = st.sampled_from(["слово", " ", " ", "(", ")", "[", "]", "«", "»", '"', ",", ".", ":", ";", " - ", "\u0301",
    "\u0306", "и", "\u00ad", "\u00a0",
                          # noqa: E501
                          "[1]", "&nbsp;", "<b>", "</b>", "{{", "}}", "[[", "|", "\n\n", "ˈ", "x", "а", "1990",
                          "\u200b", "''", "англ. ", "…", "—"])


@settings(max_examples=60, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_rules_come_to_rest_on_anything(text):
    once = clean_text(text)[0]
    assert clean_text(once)[0] == once


def lines(n=40):
    """Rows of the sample that are kept."""
    return SAMPLE.read_text().splitlines(keepends=True)[:n]


def broken(folder):
    # noqa: E501
    """One file of each kind, broken in the middle or in one row: name → (rows that can be read at least, what the
    message names)."""
    import pyarrow.parquet as pq
    whole = "".join(lines()).encode()
    cut = lambda data: data[:len(data)*2//3]  # noqa: E731
    (folder/"a.jsonl.gz").write_bytes(cut(gzip.compress(whole)))
    (folder/"b.jsonl.zst").write_bytes(cut(zstandard.compress(whole)))
    (folder/"c.jsonl.bz2").write_bytes(cut(bz2.compress(whole)))
    (folder/"d.jsonl").write_bytes("".join([*lines(3), "{oops\n", *lines(3)]).encode())
    pq.write_table(pq.read_table(make_parquet(folder)), folder/"e.parquet")
    (folder/"e.parquet").write_bytes(cut((folder/"e.parquet").read_bytes()))
    page = "<page><title>{0}</title><ns>0</ns><id>{0}</id><revision><id>1</id><text>Река {0}.</text></revision></page>"
    (folder/"f.xml.bz2").write_bytes(bz2.compress(("<mediawiki>" + page.format(1) + page.format(2)
        + page[:40]).encode()))
    (folder/"g.csv").write_text('id,text\n1,Река\n2,Река,лишнее\n3,Озеро\n')
    return {"a.jsonl.gz": 0, "b.jsonl.zst": 0, "c.jsonl.bz2": 0, "d.jsonl": 6, "e.parquet": 0, "f.xml.bz2": 2,
        "g.csv": 2}


def make_parquet(folder):
    import pandas as pd
    path = folder/".whole.parquet"
    pd.DataFrame([{k: json.loads(x)[k] for k in ("wikidata_id", "text")} for x in lines(20)]).to_parquet(path)
    return path


def test_broken_files_stop_with_file_and_row_or_are_skipped_and_counted(tmp_path):
    for name, rows in broken(tmp_path).items():
        with pytest.raises(RugptError, match=re.escape(str(tmp_path/name)) + r":\d+") as e:
            list(read_source(str(tmp_path/name)))
        assert "\n" not in str(e.value) and "on_error" in str(e.value)
        faults = Faults("skip")
        assert len(list(read_source(str(tmp_path/name), faults=faults))) >= rows
        assert faults.rows + faults.files == len(faults.messages) == 1


def test_skipped_rows_are_counted_in_a_corpus(tmp_path):
    (tmp_path/"in").mkdir()
    broken(tmp_path/"in")
    (tmp_path/"in/h.jsonl").write_text("".join(lines(60)))
    with pytest.raises(RugptError, match="a.jsonl.gz:"):
        clean_corpus(str(tmp_path/"in"), tmp_path, workers=1)
    assert [p.name for p in tmp_path.iterdir()] == ["in"]
    counts = clean_corpus(str(tmp_path/"in"), tmp_path, on_error="skip", workers=1)
    assert (counts["skipped_rows"], counts["skipped_files"]) == (2, 5)
    assert (
        len(json.loads((tmp_path / "skipped.json").read_text())) == 7
        and len(read_parquet(tmp_path / "articles.parquet")) > 40
    )


def test_neighbouring_languages_are_not_russian():
    for language, text in {
        "uk": "Київ є столицею України та найбільшим містом держави, розташованим на берегах Дніпра в її північній "
        "частині.",
        "be": "Рака працякае праз горад і ўпадае ў Дняпро, даўжыня яе складае больш за сто кіламетраў.",
        "bg": "Реката извира от планината и се влива в Дунав; дължината ѝ е сто километра, а по бреговете ѝ има "
        "много села.",
        "mk": "Реката извира во планината и тече низ неколку општини, а на нејзините брегови има многу села.",
        "sr": "Река извире у планини и тече кроз неколико општина, а на њеним обалама налази се много села.",
    }.items():
        assert language_of(text) == language


def test_cleaning_on_executors_of_datatrove_gives_the_same_bytes(tmp_path):
    pytest.importorskip("datatrove")
    from rugpt_core.corpus.executors import clean_scaled
    for name in ("one", "many"):
        (tmp_path/name).mkdir()
    assert clean_scaled(str(SAMPLE), tmp_path/"many", tasks=2) == clean_corpus(str(SAMPLE), tmp_path/"one", workers=1)
    for name in ("articles.parquet", "rejected.parquet", "rules.json", "funnel.json", "examples.json"):
        assert (tmp_path/"many"/name).read_bytes() == (tmp_path/"one"/name).read_bytes(), name
    first = {p.name for p in (tmp_path/".scale").iterdir()}
    clean_scaled(str(SAMPLE), tmp_path/"many", tasks=2, min_chars=300)
    assert len({p.name for p in (tmp_path/".scale").iterdir()} - first) == 1  # a changed filter has a log of its own


def test_the_parts_of_a_long_article_are_in_one_split(tmp_path, monkeypatch):
    """From the source to the files of tokens, with topics of their own and paragraphs that they lose on the way."""
    monkeypatch.setattr(cleaning, "in_parts", functools.partial(in_parts, size=2500))
    rows = [json.loads(x) for x in SAMPLE.read_text(encoding="utf-8").splitlines()[:40]]
    texts = [re.sub(r"_[A-Z_]+_", " ", r["text"]) for r in rows]
    shared = "Этот абзац стоит в нескольких статьях слово в слово, и очистка берёт его из них. " * 2
    with open(tmp_path/"a.jsonl", "w", encoding="utf-8") as f:
        for n in range(0, 40, 4):
            text = f"\n\n{shared}\n\n".join(texts[n:n + 4])
            f.write(json.dumps(dict(id=n, title=f"Сборник {n}", text=text), ensure_ascii=False) + "\n")
    (tmp_path/"out").mkdir()
    clean_corpus(str(tmp_path/"a.jsonl"), tmp_path/"out", val_share=.3, near_duplicate=0, workers=1)
    kept = read_parquet(tmp_path/"out/articles.parquet")
    kept["article"] = kept.source_id.str.partition("#")[0]
    assert len(kept) >= 20 and kept.article.nunique() >= 8 and not kept.text.str.contains(shared.strip()).any()
    assert (kept.groupby("article").split.nunique() == 1).all() and set(kept.split) == {"train", "val"}
    kept["topic"] = [f"t{n % 3}" for n in range(len(kept))]
    of = choose_roles(kept).of
    assert (kept.assign(role=kept.id.map(of)).groupby("article").role.nunique() == 1).all()
