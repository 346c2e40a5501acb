"""Build the sample corpus from the clean articles in sources/.

The rows get the form of google/wiki40b (Russian) and the kinds of noise met
there. The result depends on sources/, this file and SEED, and on nothing else.
"""

import argparse
import itertools
import json
import random
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from plant_noise import BOILERPLATE, around, plant

HERE = Path(__file__).resolve().parent
SEED = 40
FIRST = 6 # articles a topic of the first batch; a later batch never changes a row of an earlier one
ARTICLE, SECTION, PARAGRAPH = "_START_ARTICLE_", "_START_SECTION_", "_START_PARAGRAPH_"
NEWLINE = "_NEWLINE_"

# Names as the bold lead of an article spells them, with the stress marked.
STRESSED = """
Акционе́рное Алгори́тм Алекса́ндр Алекса́ндрович Алексе́евич Але́хин Андроме́ды Анто́н Байка́л Берестяны́е
Бе́рингов Биатло́н би́тва Блаже́нного Бронено́сец Бу́рый Бы́страя Вави́лов Васи́лия Ви́тте Влади́мир война́
Втора́я Гага́рин Гала́ктика Галле́я Га́нза Ге́лий Городки́ гра́моты Григо́рьевич Гру́ппы Дми́трий Евге́ний
Евкли́да Ефи́мович Зада́ча Ива́нович И́гореве Илья́ Импера́торский Инсули́н Инфля́ция Исла́ндия ка́мень
Кири́ллица Кислоро́д Ко́декс Коме́та кро́ви Ла́зер Лебеди́ное Ле́нин Ле́тние Лобаче́вский Лунохо́д
магистра́ль Марафо́нский Маши́на маши́на медве́дь Менделе́ев метрополите́н Митохо́ндрия Михаи́л
Миха́йлович Моско́вский Наполео́на Натура́льная невино́вности Никола́й о́бщество о́зеро Олимпи́йские
Оне́гин о́спа Па́влович Парова́я Пеницилли́н Пе́репись пингви́н Пирого́в полку́ Полта́вская Презу́мпция
Пржева́льский проли́в Просто́е Пуни́ческая Ре́пин Розе́ттский Саха́ра Сверхпроводи́мость Серге́й Сло́во
Соне́т сортиро́вка Спера́нский Спу́тник теа́тр Транзи́стор Транссиби́рская Тью́ринга Фотоси́нтез
Фотоэффе́кт Фре́ска Худо́жественный Цинга́ чере́шчатый Че́хов число́ Шу́хов Эльбру́с Эспера́нто Ю́льевич
Юпи́тер Ю́рий Я́шин
""".split()
SENTENCE_END = r"(?<=[а-яё]{3})(?=\.(?: [А-ЯЁ«]|_NEWLINE_|$))"
BRACKETS = ["()", "( )", "(, )", "(; )"]
LIST_INTROS = ["К ним относятся:", "В их числе:", "Основные даты:", "Выделяют следующие группы:"]
BARE_HEADINGS = ["Примечания", "Галерея", "См. также"]
DENYLISTED = [
    ("Ссылки", "Официальный сайт_NEWLINE_Статья в электронной энциклопедии"),
    ("Литература", "Краткий очерк. — М., 1987. — 214 с. — 20 000 экз."),
    ("Ссылки", "Подборка фотографий на сайте музея"),
    ("Литература", "Справочник / Под общ. ред. — 3-е изд. — СПб., 2004. — Т. 2. — С. 118—125."),
]

# Near-duplicates: the title, then (old, new) edits of the clean text.
NEAR_DUPLICATES = {
    "Биатлон": [
        ("Вырос из состязаний военных патрулей", "Возник из соревнований военных патрулей"),
        ("Главная трудность в том", "Основная трудность в том"),
    ],
    "Инфляция": [
        ("устойчивое повышение", "постоянное повышение"),
        ("Лечат подобный недуг", "Побеждают такую болезнь"),
    ],
    "Кириллица": [(" После этого в русском алфавите осталось 33 буквы, если считать «ё» отдельной.", "")],
    "Шухов, Владимир Григорьевич": [
        (" Ему же принадлежат форсунка для сжигания мазута и водотрубный котёл.", "")
    ],
}
STUBS = {
    "Ольховка": "Ольховка — название ряда населённых пунктов в России:",
    "Крылатка (одежда)": "Крылатка — мужская накидка с пелериной, носившаяся в XIX веке.",
    "Рябинин": "Рябинин — русская фамилия.",
    "1647 год": "1647 год — невисокосный год, начавшийся по григорианскому календарю во вторник.",
}
FOREIGN = {
    "Lighthouse": [
        (
            PARAGRAPH,
            "A lighthouse is a tower with a powerful lamp on top that helps sailors to find their "
            "position and to keep clear of rocks and shoals. By day a vessel knows it by its shape and its "
            "painted bands, by night by the rhythm of its flashes.",
        ),
        (SECTION, "Light"),
        (
            PARAGRAPH,
            "The keepers of old burned wood, coal or whale oil in an open grate. In 1822 the French "
            "physicist Augustin Fresnel ringed the flame with prisms of glass, which gathered nearly all "
            "of its rays into one flat beam visible twenty miles away. Most towers are automatic today, "
            "and many of the keepers’ cottages have become inns or museums.",
        ),
    ],
    "Вітряк": [
        (
            PARAGRAPH,
            "Вітряк — млин, який працює завдяки силі вітру. Його крила, закріплені на похилому валу, "
            "обертаються і через дерев’яні зубчасті колеса передають рух жорнам, що перетирають зерно.",
        ),
        (SECTION, "Будова"),
        (
            PARAGRAPH,
            "В Україні найбільше поширилися стовпові вітряки: увесь корпус стояв на міцному дубовому "
            "стовпі, і мірошник повертав його до вітру довгою жердиною. Пізніше з’явилися шатрові млини, у "
            "яких рухався тільки дах із крилами. Ставили їх за селом, на узвишші, де ніщо не заважало "
            "вітрові. Сьогодні давні споруди можна побачити в музеях просто неба, "
            "зокрема в Пирогові поблизу Києва.",
        ),
    ],
}


# Rows of the second batch that a filter should refuse: what it refuses them for, title, paragraphs.
REFUSED = [("not-russian", "Вадзяны млын",
    "Вадзяны млын — збудаванне, у якім кола круціць цячэнне ракі. Такія млыны стаялі ля плацін па ўсёй Беларусі "
    "і малолі збожжа для навакольных вёсак.",
    "Вада падала на лопасці зверху або штурхала іх знізу. Ад вала кола рух перадаваўся жорнам праз драўляныя "
    "зубчастыя колы. Сёння ацалелыя будынкі ахоўваюць як помнікі, у некаторых з іх працуюць музеі.",),
    ("not-russian", "Чешма", "Чешмата е градеж с чучур, от който тече вода от извор или от водопровод. В българските "
    "села тя стоеше край пътя или на площада и хората идваха при нея с менци и стомни.",
    "Майсторите издялваха каменни корита за добитъка и плочи с надписи за дарителя. Много стари чешми са запазени и "
    "днес, а водата им все още се пие от пътниците, които минават през планината.",),
    ("not-prose", "Список маяков", "Маяк Северный" + NEWLINE + "Маяк Южный" + NEWLINE + "Маяк Каменный" + NEWLINE
    + "Маяк Песчаный", NEWLINE.join(f"Маяк на мысе {n}"
    for n in ("Чайка Волна Гранит Сосна Туман Прибой Утёс Якорь Парус Штиль").split()),),
    ("repetitive", "Отчёт о приливах",
    " ".join(["Уровень воды на посту в этот день не изменился и остался в пределах нормы."] * 12),
    "Наблюдения вели на одном посту, и за год они не дали ничего нового.",),]


@dataclass
class Article:
    """A clean article: (marker, text) blocks after the title; the topic is its file's name."""

    title: str
    topic: str
    blocks: list


@dataclass
class Row:
    """A row of the corpus with what is known about it; `expect` is set late for real articles."""

    wikidata_id: str
    title: str
    topic: str
    text: str
    kinds: dict = field(default_factory=dict)
    expect: str = ""
    version_id: str = ""
    clean: str = ""
    planted: list = field(default_factory=list)
    traps: list = field(default_factory=list)


def parse(text, topic):
    """Split the text of one source file into articles."""
    articles = []
    lines = text.splitlines()
    for marker, content in zip(lines[::2], lines[1::2], strict=True):
        if marker == ARTICLE:
            articles.append(Article(content, topic, []))
        elif marker in (SECTION, PARAGRAPH):
            articles[-1].blocks.append((marker, content))
        else:
            raise ValueError(f"{topic}: expected a marker, found {marker!r}")
    return articles


def render(title, blocks):
    """Write an article as the text field of wiki40b has it."""
    return "".join(f"\n{marker}\n{text}" for marker, text in [(ARTICLE, title), *blocks])


def replace_some(blocks, rng, pattern, new, most):
    """Replace up to `most` random matches of the pattern in paragraphs; return how many.

    `new` is a string, or a function without arguments that returns one.
    """
    spots = [
        (index, match.start())
        for index, (marker, text) in enumerate(blocks)
        if marker == PARAGRAPH
        for match in re.finditer(pattern, text)
    ]
    chosen = set(rng.sample(spots, min(most, len(spots))))
    for index, (marker, text) in enumerate(blocks):
        pieces, end = [], 0
        for match in re.finditer(pattern, text):
            if (index, match.start()) in chosen:
                pieces += [text[end : match.start()], new() if callable(new) else new]
                end = match.end()
        blocks[index] = (marker, "".join(pieces) + text[end:])
    return len(chosen)


def after_lead(blocks):
    """Return the blocks from the first heading on."""
    return list(itertools.dropwhile(lambda block: block[0] != SECTION, blocks))


def missing_lead(blocks, rng):
    """Drop the paragraphs before the first heading."""
    blocks[:] = after_lead(blocks)
    return 1


def dropped_list(blocks, rng):
    """End a paragraph with the introduction of a list that is not there."""
    index = rng.choice([i for i, (marker, _) in enumerate(blocks) if marker == PARAGRAPH])
    blocks[index] = (PARAGRAPH, blocks[index][1] + NEWLINE + rng.choice(LIST_INTROS))
    return 1


def bare_heading(blocks, rng):
    """End the article with a heading that has no text."""
    blocks.append((SECTION, rng.choice(BARE_HEADINGS)))
    return 1


def denylisted_section(blocks, rng):
    """End the article with the remains of a section of references."""
    heading, remains = rng.choice(DENYLISTED)
    blocks += [(SECTION, heading), (PARAGRAPH, remains)]
    return 1


def stress(blocks, rng):
    """Mark the stress in the name of the subject, at the start of the lead."""
    marker, text = blocks[0]
    if marker != PARAGRAPH:
        return 0
    name = re.match(r"[^—(]*", text)[0]
    plain = {word.replace("\u0301", ""): word for word in STRESSED}
    marked = re.sub(r"\w+", lambda match: plain.get(match[0], match[0]), name)
    blocks[0] = (marker, marked + text[len(name) :])
    return marked.count("\u0301")


def empty_brackets(blocks, rng):
    """Leave brackets whose content (a foreign name, a sound) was stripped."""
    piece = f" {rng.choice(BRACKETS)} "
    return replace_some(blocks, rng, r"(?<=[а-яё»]) (?=— [а-яё])", piece, rng.randint(1, 2))


def footnote(blocks, rng):
    """Put numbered footnote marks before full stops."""
    numbers = itertools.count(rng.randint(1, 14))
    return replace_some(blocks, rng, SENTENCE_END, lambda: f"[{next(numbers)}]", rng.randint(1, 4))


def straight_quotes(blocks, rng):
    """Turn all quotation marks into straight ones."""
    return replace_some(blocks, rng, "[«»„“]", '"', 1000)


def html(blocks, rng):
    """Leave pieces of HTML: an entity, a line break, an opened footnote."""
    residue = [
        (r"(?<=\d) (?=[а-яё])", "&nbsp;"),
        (r"(?<=[а-яё]{3}\.) (?=[А-ЯЁ])", "<br>"),
        (SENTENCE_END, "<ref>"),
    ]
    picked = rng.sample(residue, rng.randint(1, 2))
    return sum(replace_some(blocks, rng, pattern, piece, 1) for pattern, piece in picked)


def nbsp(blocks, rng):
    """Put no-break spaces before dashes, between numbers and units, after short prepositions."""
    pattern = r" (?=—)|(?<=\d) (?=[а-яё])|(?<=\b[ВвСс]) "
    return replace_some(blocks, rng, pattern, "\u00a0", rng.randint(3, 12))


def thin_space(blocks, rng):
    """Put thin spaces after numbers, where they group digits or precede units."""
    space = rng.choice(["\u2009", "\u202f"])
    return replace_some(blocks, rng, r"(?<=\d) (?=[\dа-яё])", space, rng.randint(1, 4))


def space_before_comma(blocks, rng):
    """Put a space before commas."""
    return replace_some(blocks, rng, r"(?<=[а-яё])(?=, )", " ", rng.randint(1, 3))


def double_space(blocks, rng):
    """Double spaces between words."""
    return replace_some(blocks, rng, r"(?<=[а-яё.,]) (?=[А-Яа-яё])", "  ", rng.randint(1, 4))


def soft_hyphen(blocks, rng):
    """Put soft hyphens between the syllables of long words."""
    pattern = r"(?<=[а-яё]{3}[аеиоуы])(?=[бвгдзклмнпрст][аеиоуы][а-яё]{2})"
    return replace_some(blocks, rng, pattern, "\u00ad", rng.randint(2, 8))


def zero_width_space(blocks, rng):
    """Put zero-width spaces before words."""
    return replace_some(blocks, rng, r"(?<= )(?=[а-яё])", "\u200b", rng.randint(1, 4))


def nfd(blocks, rng):
    """Decompose й and ё in all paragraphs."""
    forms = {letter: unicodedata.normalize("NFD", letter) for letter in "йёЙЁ"}
    return sum(replace_some(blocks, rng, letter, form, 10_000) for letter, form in forms.items())


# Every kind of noise in the order of application, with its weight in the draw;
# the kinds of weight 0 go to a set number of articles.
NOISE = {
    "missing-lead": (missing_lead, 0),
    "dropped-list": (dropped_list, 4),
    "bare-heading": (bare_heading, 6),
    "denylisted-section": (denylisted_section, 4),
    "stress": (stress, 10),
    "empty-brackets": (empty_brackets, 7),
    "footnote": (footnote, 4),
    "straight-quotes": (straight_quotes, 2),
    "html": (html, 2),
    "nbsp": (nbsp, 12),
    "thin-space": (thin_space, 4),
    "space-before-comma": (space_before_comma, 3),
    "double-space": (double_space, 4),
    "soft-hyphen": (soft_hyphen, 3),
    "zero-width-space": (zero_width_space, 3),
    "nfd": (nfd, 0),
}
MOST_KINDS = 5


def draw_kinds(rng, fixed):
    """Draw 0 to 5 kinds of noise, the fixed ones among them."""
    kinds = set(fixed)
    size = max(len(kinds), rng.choices(range(MOST_KINDS + 1), weights=[2, 3, 4, 4, 3, 2])[0])
    while len(kinds) < size:
        kinds |= set(rng.choices(list(NOISE), weights=[weight for _, weight in NOISE.values()]))
    return [kind for kind in NOISE if kind in kinds]


def add_noise(article, seed, fixed=()):
    """Return the text of the article with noise in it, and how often each kind was planted."""
    rng = random.Random(seed)
    blocks = list(article.blocks)
    counts = {kind: NOISE[kind][0](blocks, rng) for kind in draw_kinds(rng, fixed)}
    return render(article.title, blocks), {kind: count for kind, count in counts.items() if count}


def edited(article, edits):
    """Return a copy of the article with each (old, new) edit made once."""
    blocks = list(article.blocks)
    for old, new in edits:
        (index,) = [i for i, (_, text) in enumerate(blocks) if old in text]
        marker, text = blocks[index]
        blocks[index] = (marker, text.replace(old, new, 1))
    return Article(article.title, article.topic, blocks)


def article_rows(articles, rng):
    """Make one row an article; two articles lose their leads, two are in NFD."""
    free = [a for a in articles if a.title not in NEAR_DUPLICATES]
    long_without_lead = [a.title for a in free if len(render("", after_lead(a.blocks))) >= 700]
    leadless = rng.sample(long_without_lead, 2)
    decomposed = rng.sample([a.title for a in free if a.title not in leadless], 2)
    rows = []
    for number, article in enumerate(articles, start=1):
        fixed = ["missing-lead"] * (article.title in leadless) + ["nfd"] * (article.title in decomposed)
        text, kinds = add_noise(article, f"{SEED} {article.title}", fixed)
        rows.append(Row(f"S{number:04}", article.title, article.topic, text, kinds))
    return rows


def duplicate_rows(rows, rng, new_id):
    """Copy four rows exactly, two under their own ids and two under new ones."""
    special = {"missing-lead", "nfd"}
    free = [row for row in rows if row.title not in NEAR_DUPLICATES and not special & set(row.kinds)]
    chosen = rng.sample(free, 4)
    ids = [chosen[0].wikidata_id, chosen[1].wikidata_id, new_id(), new_id()]
    return [Row(id_, row.title, row.topic, row.text, row.kinds) for id_, row in zip(ids, chosen, strict=True)]


def near_duplicate_rows(articles, new_id):
    """Make the rows of the slightly edited articles, with noise of their own."""
    rows = []
    for article in articles:
        if article.title in NEAR_DUPLICATES:
            copy = edited(article, NEAR_DUPLICATES[article.title])
            text, kinds = add_noise(copy, f"{SEED} near {article.title}")
            rows.append(Row(new_id(), article.title, article.topic, text, kinds))
    return rows


def unwanted_rows(new_id):
    """Make the rows that a filter should refuse: stubs and other languages."""
    rows = []
    for title, lead in STUBS.items():
        kinds = {"dropped-list": 1} if lead.endswith(":") else {}
        rows.append(Row(new_id(), title, "", render(title, [(PARAGRAPH, lead)]), kinds, "too-short"))
    for title, blocks in FOREIGN.items():
        rows.append(Row(new_id(), title, "", render(title, blocks), {}, "not-russian"))
    return rows


def mark_bytes_literals(rows, rng):
    """Choose three ordinary rows to be written in the bytes-literal form."""
    titles = Counter(row.title for row in rows)
    ordinary = [r for r in rows if titles[r.title] == 1 and not r.expect and len(r.kinds) < MOST_KINDS]
    for row in rng.sample(ordinary, 3):
        row.kinds["bytes-literal"] = 1


def set_expectations(rows):
    """Say of each row what a filter that keeps the first of its likes should do with it."""
    texts, titles = set(), set()
    for row in rows:
        if not row.expect:
            repeated = "near-duplicate" if row.title in titles else "keep"
            row.expect = "duplicate" if row.text in texts else repeated
        texts.add(row.text)
        titles.add(row.title)


def build_rows(articles):
    """Make all rows in their final order."""
    rng = random.Random(SEED)
    numbers = itertools.count(len(articles) + 1)

    def new_id():
        return f"S{next(numbers):04}"

    rows = article_rows(articles, rng)
    rows += duplicate_rows(rows, rng, new_id)
    rows += near_duplicate_rows(articles, new_id)
    rows += unwanted_rows(new_id)
    for number, row in enumerate(rows, start=1):
        row.version_id = str(1_000_000 + number)
    mark_bytes_literals(rows, rng)
    rng.shuffle(rows)
    set_expectations(rows)
    return rows


def second_rows(articles, first):
    """Make the rows of the later articles, each with the right answer of every place where noise was planted."""
    rng = random.Random(f"{SEED} second")
    numbers = itertools.count(first)
    shared = {a.title for a in rng.sample(articles, 6)}
    rows = []
    for article in articles:
        clean = render(article.title, article.blocks)
        noisy, clean, edits, traps = plant(clean, random.Random(f"{SEED} {article.title}"))
        row = Row(f"S{next(numbers):04}", article.title, article.topic, noisy, dict(Counter(e.kind for e in edits)),
            "keep")
        row.clean, row.planted, row.traps = clean, [around(clean, e) for e in edits], traps
        if article.title in shared:
            row.text = row.text.replace(f"\n{PARAGRAPH}\n", f"\n{PARAGRAPH}\n{BOILERPLATE}{NEWLINE}", 1)
            row.kinds["boilerplate"] = 1
        rows.append(row)
    for expect, title, *paragraphs in REFUSED:
        blocks = [(PARAGRAPH, text) for text in paragraphs]
        rows.append(Row(f"S{next(numbers):04}", title, "", render(title, blocks), {}, expect))
    for number, row in enumerate(rows, start=first):
        row.version_id = str(1_000_000 + number)
    rng.shuffle(rows)
    return rows


def wiki40b_fields(row):
    """Return the fields of the data set, as bytes literals where the row is marked so."""
    fields = {"wikidata_id": row.wikidata_id, "text": row.text, "version_id": row.version_id}
    if "bytes-literal" in row.kinds:
        for name in ("wikidata_id", "text"):
            fields[name] = repr(fields[name].encode())
    return fields


def jsonl(records):
    """Write one JSON object a line."""
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def build():
    """Return the names and contents of all files of the corpus."""
    articles = []
    for path in sorted((HERE / "sources").glob("*.txt")):
        articles.append(parse(path.read_text(encoding="utf-8"), path.stem))
    rows = build_rows([a for topic in articles for a in topic[:FIRST]])
    later = [a for topic in articles for a in topic[FIRST:]]
    rows += second_rows(later, len(rows) + 1)
    # the phrasings of data/topics.yml were chosen with these articles in sight, so accuracy on them is no held-out one
    gold = [{"wikidata_id": r.wikidata_id, "title": r.title, "topic": r.topic, "tuned": True} for r in rows if r.topic]
    gold += [json.loads(line) for line in (HERE / "sources/unseen.jsonl").read_text(encoding="utf-8").splitlines()]
    names = ("wikidata_id", "version_id", "kinds", "expect")
    return {
        "wiki40b_ru.jsonl": jsonl(wiki40b_fields(row) for row in rows),
        "gold_topics.jsonl": jsonl(gold),
        "noise.jsonl": jsonl({name: getattr(row, name) for name in names} for row in rows),
        "answers.jsonl": jsonl(
            {name: getattr(row, name) for name in ("version_id", "title", "clean", "planted", "traps")}
            for row in rows
            if row.clean
        ),
    }


def main():
    """Write the files, or with --check compare them with those that are there."""
    parser = argparse.ArgumentParser(description="Build the sample corpus beside this script.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a file differs")
    check = parser.parse_args().check
    stale = []
    for name, text in build().items():
        path, content = HERE / name, text.encode()
        if not path.exists() or path.read_bytes() != content:
            stale.append(name)
            if not check:
                path.write_bytes(content)
    for name in stale:
        print(f"{name}: {'differs' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
