"The report in both languages: same numbers, nothing loaded from outside, any characters in the samples."

import io
import json
import random
import re
from html.parser import HTMLParser

import pytest
from fake_run import NASTY, make_run

from rugpt_core.common import files
from rugpt_core.common.errors import RugptError
from rugpt_core.common.files import read_json
from rugpt_core.report import facts as facts_module
from rugpt_core.report import pages as report_pages
from rugpt_core.report import render, stage
from rugpt_core.report import text as text_module
from rugpt_core.runs.layout import STAGES
from rugpt_core.views import style

pypdf = pytest.importorskip("pypdf")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    run, out = make_run(tmp_path_factory.mktemp("run") / "demo"), tmp_path_factory.mktemp("out")
    counts = stage.build_report(run, out)
    assert counts["languages"] == 2 and counts["notebooks"] == 1
    return run, out


class Page(HTMLParser):
    "Text of a page, its tags, and what it would load."

    LOADS = {"src", "srcset", "data", "poster", "background", "action", "xlink:href"}

    def __init__(self, html: str):
        super().__init__()
        self.words, self.tags, self.loads, self.handlers, self.muted = [], set(), [], [], 0
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.muted += tag in ("style", "title")
        self.loads += [v for k, v in attrs if v and (k in self.LOADS or (k == "href" and tag == "link"))]
        self.handlers += [k for k, _ in attrs if k.startswith("on")]

    def handle_endtag(self, tag):
        self.muted -= tag in ("style", "title")

    def handle_data(self, data):
        if not self.muted:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def numbers(markdown: str, lang: str) -> set[str]:
    "Every number of a rendered text, written one way."
    text = re.sub(r"\]\([^)]*\)|\{#[^}]*\}|`[^`]*`|\$[^$]*\$|\[@[^\]]*\]|(?s:^---.*?---)", " ", markdown)
    text = text.replace("\u202f", "").replace("\\", "")
    if lang == "en":
        text = re.sub(r"(?<=\d),(?=\d{3})", "", text)
    return {n.replace(",", ".") if lang == "ru" else n for n in re.findall(r"\d+(?:[.,]\d+)*", text)}


def test_both_languages_print_the_same_numbers(built):
    _, out = built
    en, ru = (numbers((out / f"report.{lang}.md").read_text(), lang) for lang in ("en", "ru"))
    assert en == ru and len(en) > 60


def test_numbers_json_holds_what_is_printed(built):
    _, out = built
    flat = read_json(out / "numbers.json")
    assert flat["corpus/articles_in"] == 85 and flat["corpus/articles"] == 68
    assert flat["models/qwen3/bits_per_byte"] == pytest.approx(2.66)
    assert flat["repetition/sets/human/metrics/compression_ratio/value"] is None
    assert all(v is None or isinstance(v, (int, float)) for v in flat.values())
    assert "85" in (out / "report.en.md").read_text()


@pytest.mark.parametrize("name", ["report.en.html", "report.ru.html", "notebooks/02_clean.html"])
def test_html_is_self_contained_and_runs_nothing(built, name):
    html = (built[1] / name).read_text()
    page = Page(html)
    assert "script" not in page.tags and not page.handlers and not {"iframe", "object", "embed"} & page.tags
    assert [v for v in page.loads if not v.startswith("data:")] == []
    assert not re.search(r"@import|url\(\s*['\"]?(?!data:|#)", html)
    assert {"figure", "math", "table"} <= page.tags or name.startswith("notebooks")


def test_links_between_pages_lead_somewhere(built):
    _, out = built
    for name in ("report.en.html", "report.ru.html"):
        html = (out / name).read_text()
        ids = set(re.findall(r' id="([^"]+)"', html))
        for target in re.findall(r'<a\b[^>]*? href="([^"]+)"', html):
            if target.startswith("#"):
                assert target[1:] in ids, target
            elif not target.startswith("http"):
                assert (out / target).is_file(), target


def test_samples_of_any_characters_are_printed_as_they_are(built):
    want = " ".join(style.UNSEEN.sub("\ufffd", NASTY).split())
    for lang in ("en", "ru"):
        assert want in Page((built[1] / f"report.{lang}.html").read_text()).text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    "lang,words", [("en", ("Key findings", "Город расположен")), ("ru", ("Главное", "AdamW|Hoffmann"))]
)
def test_pdf_has_text_of_both_alphabets(built, lang, words):
    pdf = pypdf.PdfReader(io.BytesIO((built[1] / f"report.{lang}.pdf").read_bytes()))
    text = "\n".join(p.extract_text() for p in pdf.pages)
    for w in words:
        assert re.search(w, text), w
    assert 4 < len(pdf.pages) < 30
    width, height = (float(x) for x in pdf.pages[0].mediabox[2:])
    assert (round(width), round(height)) == (595, 842)  # A4, points


def test_same_text_gives_the_same_bytes(built):
    run, out = built
    again = out.with_name("again")  # as far from the run, whose files are linked
    again.mkdir()
    stage.build_report(run, again, langs=("ru",))
    names = [
        "numbers.json",
        "report.ru.md",
        "report.ru.html",
        "report.ru.pdf",
        "figures/funnel.ru.svg",
        "notebooks/02_clean.html",
    ]
    assert [n for n in names if (out / n).read_bytes() != (again / n).read_bytes()] == []


def test_notebooks_that_were_not_run_are_named(built):
    text = (built[1] / "report.en.md").read_text()
    assert '<a href="notebooks/02_clean.html">' in (built[1] / "report.en.html").read_text()
    assert text.count("not run on this machine") == sum(bool(s.notebook) for s in STAGES.values()) - 1
    page = Page((built[1] / "notebooks" / "02_clean.html").read_text())
    assert "100%" in page.text and "50%" not in page.text and "\x1b" not in page.text
    assert (
        "ZeroDivisionError: division by zero" in page.text
        and "история" in page.text
        and "widget" in page.text
    )


CASES = dict(
    no_gold=dict(gold=False),
    no_synthetic=dict(synthetic=0),
    one_model=dict(families=("qwen3",)),
    gemma=dict(tokenizer="gemma", n=400),
    tiny=dict(n=5, synthetic=0, gold=False),
    other=dict(families=("mamba",)),
)


@pytest.mark.parametrize("case", CASES)
def test_other_runs_have_a_report_too(tmp_path, case):
    facts = facts_module.gather(make_run(tmp_path / "run", **CASES[case]))
    pages = report_pages.render_notebooks(tmp_path / "run", tmp_path, {"clean": "02_clean"})
    figures = stage.draw_figures(facts, tmp_path / "run", "ru")
    texts = {lang: template(lang, facts, pages) for lang in ("en", "ru")}
    assert "None" not in texts["en"] + texts["ru"] and "nan" not in texts["en"].split()
    assert numbers(texts["en"], "en") == numbers(texts["ru"], "ru") and figures
    source = tmp_path / "report.md"
    source.write_text(texts["ru"])
    assert render.to_pdf(source).startswith(b"%PDF")
    said = dict(
        no_gold="was not measured on held-out articles",
        no_synthetic="natural text only",
        one_model="One model was trained",
        other="mamba",
        gemma="a vocabulary of 262,144 tokens",
        tiny="the chain works",
    )
    assert said[case] in texts["en"]


def template(lang: str, facts: dict, pages: list) -> str:
    path = files.ROOT / "report" / f"report.{lang}.md"
    return text_module.render_text(path.read_text(), lang, figures={}, pages=pages, **facts)


@pytest.mark.parametrize("lang", text_module.LANGS)
@pytest.mark.parametrize(
    "lost", [("corpus", "articles_in"), ("tokens", "train_tokens"), ("repetition", "models")]
)
def test_a_missing_number_is_an_error(tmp_path, lang, lost):
    facts = facts_module.gather(make_run(tmp_path / "run"))
    del facts[lost[0]][lost[1]]
    with pytest.raises(RugptError, match=lost[1]):
        template(lang, facts, [])


def test_a_missing_stage_is_named(tmp_path):
    make_run(tmp_path / "run")
    (tmp_path / "run" / "topics" / "manifest.json").unlink()
    with pytest.raises(RugptError, match="stage classify has not been run"):
        facts_module.gather(tmp_path / "run")


def test_escaped_text_survives_pandoc_and_typst(tmp_path):
    rng = random.Random(3)
    alphabet = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~ aё1Я"
    lines = ["".join(rng.choice(alphabet) for _ in range(24)).strip() for _ in range(150)]
    lines += [
        "1. a",
        "- b",
        "+ c",
        "/ d: e",
        "= f",
        "// g",
        "#h",
        "> i",
        "    j",
        "\\n",
        "$x$",
        "@k",
        "<l>",
        "a  \nb",
        "***",
        "| m |",
    ]
    source = tmp_path / "a.md"
    source.write_text(
        "---\ntitle: a\nlang: ru-RU\n---\n\n"
        + "\n\n".join(f"§ {style.md_text(line)}" for line in lines)
        + "\n\n"
        + "\n\n".join(style.md_text(line) for line in lines)
    )
    want = [" ".join(line.split()) for line in lines]
    plain = json.loads(render.pandoc(source, ["-f", render.READER, "-t", "json"]))
    assert {b["t"] for b in plain["blocks"]} == {"Para"}
    assert {i["t"] for b in plain["blocks"] for i in b["c"]} <= {"Str", "Space"}
    said = ["".join(i.get("c", " ") for i in b["c"]).removeprefix("§ ") for b in plain["blocks"]]
    assert said == want + want
    pdf = pypdf.PdfReader(io.BytesIO(render.to_pdf(source)))
    text = re.sub(r"\s", "", "".join(p.extract_text() for p in pdf.pages))
    missing = [w for w in want if re.sub(r"\s", "", w) not in text]
    assert len(missing) < 8, missing  # lines that a page break parts


def test_reasons_have_words_in_both_languages():
    from rugpt_core.synthesis.acceptance import REJECTION_REASONS

    for lang in text_module.LANGS:
        assert set(REJECTION_REASONS) <= set(text_module.read_labels(lang))
