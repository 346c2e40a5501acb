# ruff: noqa: E501
"""Plant noise in a clean article, and keep the right answer of every place.

A plan is a list of edits of the clean text, each with the rule of cleaning that must undo it. Traps are sentences
that look like noise and are none: they stand in the clean text too, and no rule may touch them.
"""

import re
import unicodedata
from dataclasses import dataclass

ARTICLE, SECTION, PARAGRAPH = "_START_ARTICLE_", "_START_SECTION_", "_START_PARAGRAPH_"
NEWLINE = "_NEWLINE_"


@dataclass(frozen=True)
class Edit:
    """text[start:end] becomes `noisy`; `rule` must give it back."""

    start: int
    end: int
    noisy: str
    rule: str
    kind: str


WORD_END = r"(?<=[а-яё]{3})"
SENTENCE_END = WORD_END + r"(?=\.(?: [А-ЯЁ«]|_NEWLINE_|\n|$))"
PARAGRAPH_END = r"(?<=[.»)])(?=\n_START_|$)"
FOOTNOTES = ("[1]", "[12]", "[прим. 2]", "[комм. 1]", "[кто?]", "[когда?]", "[источник не указан 215 дней]")
EMPTIES = (" ()", " ( )", " (, )", " (; )", " (())", " [ ]", " ( — )")
SOUNDS = (" (МФА: [ˈɡorət])", " [ˈlʌndən]", " (произносится [pʲɪtʲɪrˈburk])", " (пиньинь Běijīng)", " (транслит. Severnaja)")
TABLE = ("| align=center | 12 || 34 || 56", "|-", '{| class="wikitable"', "! Год !! Число")
FORMULAS = ("где , , — коэффициенты, а  — время.", "Отсюда следует, что = , где  — угол поворота.", "При , : получается то же самое.")
LISTS = ("К ним относятся:", "В их числе:", "Основные даты:", "Выделяют следующие виды:", "Среди них:")
BARE = ("Галерея", "Карты", "Награды", "Хронология")
SERVICE = (
    ("Примечания", "Комментарий редакции.—С. 12."),
    ("Литература", "Справочник / Под ред. коллектива. — 3-е изд. — СПб., 2004. — Т. 2. — С. 118—125."),
    ("Ссылки", "Официальный сайт_NEWLINE_Статья в электронной энциклопедии"),
    ("См. также", "Список похожих предметов"),
    ("Источники", "Краткий очерк. — М., 1987. — 214 с."),
    ("Сноски", "1. Там же."),
    ("Комментарии", "По другим данным, на год раньше."),
    ("Публикации", "Избранное. — Л.: Наука, 1971. — 312 с."),
)
TWINS = dict(zip("аеосрухАВЕКМНОРСТХ", "aeocpyxABEKMHOPCTX", strict=True))

# rule → sentences that it must leave alone
TRAPS = {
    "footnotes": ("По новому стилю это случилось 19 [31] января 1865 года.", "В записи a[1] = 2 скобки стоят по праву."),
    "space_before_marks": ("Сайт перенесли в зону .рф, а прежде он был в зоне .ru.", "Карта имеет масштаб 1 : 50 000.",
                           "В рукописи стоит «и вот ... конец»."),
    "brackets": ("Описание выходило дважды (1990) и (2004).", "Знак «(…)» означает пропуск, а запись f() — вызов функции.",
                 "Запятая (,) и тире (—) здесь сами служат примерами."),
    "homoglyphs": ("Прибор по Wi-Fi сообщает pH воды и долю CO2, а SMS-сообщение приходит на телефон.", "Шрифт TeXа отличим сразу."),
    "stress": ("Буквы й и ё нужны словам «йод», «ёж» и «Йошкар-Ола».",),
    "transcriptions": ("Гласный звук [ɨ] чужд английской речи.",),
    "quotes": ('Экран имел диагональ 27".', "Внутри «кавычек „другие“ кавычки» стоят верно."),
    "dashes": ("Разность 5 - 3 равна двум, а слова «из-за» и «кое-как» пишут с дефисом.",),
    "markup": ("Компания AT&T доказала, что a < b и c > d.",),
    "lost_formulas": ("Условие x = y, где y — число, здесь соблюдено.",),
    "dropped_lists": ("Правило одно: делай хорошо.",),
    "service_sections": ("Литература и источники перечислены в каталоге библиотеки.",),
}
BOILERPLATE = ("Текст этой заметки подготовлен редакцией учебного свода и распространяется на условиях, "
               "указанных на последней странице бумажного издания.")


def spots(text, pattern):
    """Places of a pattern in paragraphs, not in markers or headings."""
    blocked = [m.span() for m in re.finditer(rf"(?:{ARTICLE}|{SECTION})\n[^\n]*|_\w+_", text)]
    return [m for m in re.finditer(pattern, text) if not any(a < m.end() and m.start() < b for a, b in blocked)]


def put(text, rng, pattern, pieces, most, rule, kind):
    """Edits that put one of some pieces in place of random matches."""
    found = spots(text, pattern)
    chosen = rng.sample(found, min(most, len(found)))
    return [Edit(m.start(), m.end(), p(m) if callable(p := rng.choice(pieces)) else p, rule, kind) for m in chosen]


def whole_paragraphs(text, rng, pieces, rule, kind):
    """An edit that adds a paragraph behind another."""
    end = rng.choice([m.end() for m in re.finditer(rf"{PARAGRAPH}\n[^\n]*", text)])
    return [Edit(end, end, NEWLINE + rng.choice(pieces), rule, kind)]


def last_sections(text, rng, rule, kind, headings):
    """An edit that adds a section at the end."""
    heading, body = rng.choice(headings)
    return [Edit(len(text), len(text), f"\n{SECTION}\n{heading}" + (f"\n{PARAGRAPH}\n{body}" if body else ""), rule, kind)]


def straight(text, rng):
    """Straight quotes for the outer guillemets of one paragraph."""
    groups = {}
    for m in spots(text, "«[^«»„“\"\n]*»"):
        groups.setdefault((text.rfind("\n", 0, m.start()), text.rfind(NEWLINE, 0, m.start())), []).append(m)
    if not groups:
        return []
    found = rng.choice(list(groups.values()))
    return [Edit(i, i + 1, '"', "quotes", "straight-quotes") for m in found for i in (m.start(), m.end() - 1)]


def twin(m):
    """A word with one letter in the other script."""
    at = next(i for i, c in enumerate(m[0]) if c in TWINS)
    return m[0][:at] + TWINS[m[0][at]] + m[0][at + 1:]


def decomposed(text, rng):
    """й and ё as two characters each, all over the article."""
    return [Edit(m.start(), m.end(), unicodedata.normalize("NFD", m[0]), "nfc", "nfd") for m in spots(text, "[йёЙЁ]")]


# kind → function of (text, rng) → edits
KINDS = {
    "stress": lambda t, r: put(t, r, r"(?<=[бвгдзклмнпрст][аеиоуыэюя])(?=[бвгдзклмнпрст][аеиоуыя])", ["\u0301"], 4, "stress", "stress"),
    "nfd": decomposed,
    "html": lambda t, r: put(t, r, r"(?<=\d) (?=[а-яё])", ["&nbsp;"], 2, "markup", "html")
        + put(t, r, SENTENCE_END, ["<ref>Книга.</ref>", "{{-}}", "<ref name=a />"], 2, "markup", "html"),
    "wiki-markup": lambda t, r: put(t, r, r"(?<= )[а-яё]{6,}(?=[ ,.])", [lambda m: f"[[{m[0]}]]", lambda m: f"[[Статья|{m[0]}]]",
        lambda m: f"'''{m[0]}'''", lambda m: f"<b>{m[0]}</b>"], 3, "markup", "wiki-markup"),
    "table": lambda t, r: whole_paragraphs(t, r, TABLE, "markup", "table"),
    "soft-hyphen": lambda t, r: put(t, r, r"(?<=[а-яё]{3}[аеиоуы])(?=[бвгдзклмнпрст][аеиоуы][а-яё]{2})", ["\u00ad"], 5, "invisible", "soft-hyphen"),
    "zero-width": lambda t, r: put(t, r, r"(?<= )(?=[а-яё])", ["\u200b", "\ufeff", "\u200e"], 3, "invisible", "zero-width"),
    "nbsp": lambda t, r: put(t, r, r" (?=—)|(?<=\d) (?=[а-яё])|(?<=\b[ВвСс]) ", ["\u00a0", "\u2009", "\u202f"], 6, "special_spaces", "nbsp"),
    "homoglyph": lambda t, r: put(t, r, r"(?<![а-яёА-ЯЁ-])(?=[а-яё]{5})[а-яё]*?[аеосрух][а-яё]*(?![а-яё-])", [twin], 3, "homoglyphs", "homoglyph"),
    "roman": lambda t, r: put(t, r, r"(?<!\w)(?=[IV]*X)[IVX]{2,}(?!\w)", [lambda m: m[0].replace("X", "Х")], 2, "homoglyphs", "roman"),
    "footnote": lambda t, r: put(t, r, SENTENCE_END, FOOTNOTES, 4, "footnotes", "footnote"),
    "transcription": lambda t, r: put(t, r, r"(?<=[а-яё»])(?= — [а-яё])", SOUNDS, 1, "transcriptions", "transcription"),
    "empty-brackets": lambda t, r: put(t, r, r"(?<=[а-яё»])(?= — [а-яё])", EMPTIES, 2, "brackets", "empty-brackets"),
    "loose-brackets": lambda t, r: put(t, r, r"\((?=[а-яё])", ["( ", "(, "], 2, "brackets", "loose-brackets"),
    "double-space": lambda t, r: put(t, r, r"(?<=[а-яё.,]) (?=[А-Яа-яё])", ["  ", "   "], 4, "repeated_spaces", "double-space"),
    "lost-formula": lambda t, r: whole_paragraphs(t, r, FORMULAS, "lost_formulas", "lost-formula"),
    "space-before-mark": lambda t, r: put(t, r, r"(?<=[а-яё])(?=[,;] )", [" "], 3, "space_before_marks", "space-before-mark")
        + put(t, r, SENTENCE_END, [" "], 1, "space_before_marks", "space-before-mark"),
    "straight-quotes": straight,
    "hyphen": lambda t, r: put(t, r, r"(?<=[а-яё»)] )—(?= [а-яё«])", ["-"], 3, "dashes", "hyphen"),
    "dropped-list": lambda t, r: whole_paragraphs(t, r, LISTS, "dropped_lists", "dropped-list"),
    "no-words": lambda t, r: whole_paragraphs(t, r, ("* * *", "—", "…"), "no_words", "no-words"),
    "bare-heading": lambda t, r: last_sections(t, r, "bare_headings", "bare-heading", [(h, "") for h in BARE]),
    "service-section": lambda t, r: last_sections(t, r, "service_sections", "service-section", SERVICE),
}


def apart(edits):
    """Edits in order of place, without those that touch an earlier one."""
    kept, end = [], -1
    for e in sorted(edits, key=lambda e: (e.start, e.end)):
        if e.start > end or not kept:
            kept.append(e)
            end = e.end + 1
    return kept


def with_trap(text, rng):
    """The text with one trap at the end of a paragraph that is followed by no list, and the rule that it tests."""
    rule = rng.choice(list(TRAPS))
    sentence = rng.choice(TRAPS[rule])
    at = rng.choice([m.end() for m in re.finditer(rf"{PARAGRAPH}\n[^\n]*\.(?=\n|$)", text)])
    return f"{text[:at]} {sentence}{text[at:]}", dict(rule=rule, text=sentence)


def around(text, edit, size=24):
    """The context of an edit in the clean text, as the side file has it."""
    return dict(rule=edit.rule, kind=edit.kind, left=text[max(0, edit.start - size):edit.start], noisy=edit.noisy,
                clean=text[edit.start:edit.end], right=text[edit.end:edit.end + size])


def plant(text, rng):
    """A clean article in the form of wiki40b: its noisy text, the clean one, the planted edits, the traps."""
    traps = []
    if rng.random() < .5:
        text, trap = with_trap(text, rng)
        traps.append(trap)
    stop = [(m.start(), m.end()) for t in traps for m in re.finditer(re.escape(t["text"]), text)]
    kinds = rng.sample(list(KINDS), rng.choices(range(6), weights=[1, 3, 4, 4, 3, 2])[0])
    edits = [e for kind in KINDS if kind in kinds for e in KINDS[kind](text, rng)]
    edits = apart(e for e in edits if not any(a < e.end and e.start < b for a, b in stop))
    noisy, end = [], 0
    for e in edits:
        noisy += [text[end:e.start], e.noisy]
        end = e.end
    return "".join(noisy) + text[end:], text, edits, traps
