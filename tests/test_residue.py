"""What is left around an article: cut off where that is clean, refused where it is not; titles of outlines."""

import pytest

from rugpt_core.synthesis.acceptance import Case, finish_text, judge_answer
from rugpt_core.synthesis.client import Answer
from rugpt_core.synthesis.prompts import read_outline

TEXT = (
    "Берёза — дерево с белой корой. Она растёт в лесах Европы и Азии, живёт до ста лет и достигает тридцати метров в "
    "высоту. Древесину берёзы используют для фанеры и дров, сок пьют весной, а из коры делали посуду и обувь. Листья "
    "опадают осенью. Цветёт дерево в мае, и ветер разносит его пыльцу на много километров."
)

CUT = {
    "a thought": "<think>надо про берёзу</think>\n" + TEXT,
    "the end of a thought": "сначала определение, потом кора\n</think>\n\n" + TEXT,
    "reasoning": "<reasoning>определение, потом свойства</reasoning>" + TEXT,
    "channels": "<|channel|>analysis<|message|>Need text.<|end|><|start|>assistant<|channel|>final<|message|>"
    + TEXT
    + "<|return|>",
    "channels without tokens": "analysisWe need a text.assistantfinal" + TEXT,
    "tokens at the end": TEXT + "<end_of_turn>",
    "tokens at both ends": "<s>" + TEXT + "</s>",
    "NUL": TEXT[:50] + "\x00" + TEXT[50:],
    "no width": TEXT.replace(" ", "\u200b ", 3),
    "isolates": TEXT.replace(" ", " \u2066", 1).replace(",", "\u2069,", 1),
    "tags": TEXT.replace(" ", " \U000e0041", 1),
    "a soft hyphen": TEXT.replace("дерево", "де\u00adрево"),
    "its title": "Берёза\n\n" + TEXT,
    "nothing": TEXT,
    "nothing: words of a quotation": TEXT + " В народе говорят: «Надеюсь на берёзу, как на печку».",
    "nothing: a name, letters of formulas": TEXT + " Род зовётся Betula, лучи α и β он не выделяет.",
}

REFUSED = {
    "an open thought": "<think>надо про берёзу. " + TEXT,
    "tokens inside": TEXT[:100] + "<|im_end|>" + TEXT[100:],
    "a prompt": "[INST] Напиши статью [/INST] " + TEXT,
    "U+FFFD": TEXT[:50] + "\ufffd" + TEXT[51:],
    "half a pair": TEXT[:50] + "\ud83d" + TEXT[50:],
    "UTF-8 read as cp1252": "Ð‘ÐµÑ€Ñ‘Ð·Ð° " + TEXT,
    "UTF-8 read as cp1251": "Р‘РµСЂС‘Р·Р° — РґРµСЂРµРІРѕ. " + TEXT,
    "emoji": TEXT + " 🌳",
    "a smile": TEXT + " :)",
    "a greeting": "Здравствуйте! " + TEXT,
    "an announcement": "Вот статья о берёзе:\n\n" + TEXT,
    "a leave": TEXT + "\n\nНадеюсь, статья была полезной.",
    "a question": TEXT + " Хотите узнать больше?",
    "a model": TEXT + " Как ИИ-помощник, я не могу назвать точный возраст.",
    "an advertisement": TEXT + " Закажите саженцы на нашем сайте!",
    "a telephone": TEXT + " Саженцы: +7 (495) 123-45-67.",
    "LaTeX": TEXT + " Высота равна \\(h = 30\\) метрам.",
    "Greek": TEXT.replace("белой корой", "λευκό φλοιό"),
    "Arabic": TEXT.replace("весной", "في الربيع"),
    "look-alikes": TEXT.replace("дерево", "дepeво"),
    "a plan": "План: 1) определение; 2) места роста; 3) древесина.\n\n" + TEXT,
    "second thoughts": "Подождите, нужно проверить высоту. " + TEXT,
    "a turn": TEXT + "\n\nПользователь: спасибо!",
    "a count of words": TEXT + "\n\nСлов: 60.",
    "a note in brackets": TEXT + "\n\n(Примечание: числа взяты из справочника.)",
    "a credit": TEXT + " Источник: Википедия.",
    "Ukrainian": "Береза — це дерево з білою корою. Вона росте в лісах Європи та Азії, живе до ста років. Її деревину "
    "використовують для фанери та дров, а сік п'ють навесні. Листя опадає восени, насіння розносить вітер.",
    "Serbian": "Бреза је дрво са белом кором. Расте у шумама Европе и Азије, живи до сто година и достиже тридесет "
    "метара висине. Дрво брезе користи се за шперплочу и огрев, а сок се пије у пролеће. Лишће опада у јесен.",
}


def judged(text):
    answer = Answer(text, "stop")
    finished, _, _ = finish_text("", answer, "Берёза")
    return finished, judge_answer(Case("topic", "Берёза", ""), answer, finished)[1]


@pytest.mark.parametrize("text", CUT.values(), ids=CUT)
def test_what_can_be_cut_off_is(text):
    finished, reasons = judged(text)
    assert not reasons and finished.startswith(TEXT)


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_the_rest_is_refused(text):
    assert judged(text)[1]


OUTLINES = {
    "Дуб\nКлён\nЛипа": 3,
    "1. Дуб\n2) Клён\n- Липа\n**Вяз**\n__Ясень__": 5,
    "<think>Нужны деревья\nДуб подойдёт</think>\nКлён": 1,
    "<think>Нужны деревья\nДуб\nКлён": 0,
    "Вот список тем:\n1. Дуб": 1,
    "Сначала подумаю о деревьях\nДуб": 1,
    "Мне нужно назвать деревья\nДуб": 1,
    "Нужно шесть заголовков\nДуб": 1,
    "Хорошо\nИтак\nГотово\nДуб": 1,
    "Список готов\nЗаголовки\nБез нумерации\nДуб": 1,
    "Дуб\nДуб\nдуб": 1,
    "Дуб\u0000\nДерево 🌳\nOak\nЦе дерево\nНадеюсь, это поможет!": 1,
}


@pytest.mark.parametrize("text", OUTLINES)
def test_outlines_give_titles_alone(text):
    titles, dropped = read_outline(text, set(), 9)
    assert len(titles) == OUTLINES[text], (titles, dropped)
