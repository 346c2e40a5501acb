"""The sentences of the report, read back: thirty sets of changed facts, in both languages.

What a sentence may say follows from the verdicts in metrics.json alone; the tables here are a second reading of
them."""

import itertools
import json
import re
import shutil
from pathlib import Path

import pytest
from fake_run import a_test, estimate, make_run, model_entry, text_set

from rugpt_core.common.files import ROOT
from rugpt_core.report import text as text_module
from rugpt_core.report.facts import DRAWN, FIXED, gather

LANGS = ("en", "ru")
# verdict on best − second → words of the bullet on two models
MODELS = dict(
    below=("predicts held-out text better than", "предсказывает отложенный текст лучше, чем"),
    above=("predicts held-out text better than", "предсказывает отложенный текст лучше, чем"),
    open=("cannot be told apart by their bits per byte", "Различие между"),
    few=("there is no verdict", "вывод невозможен"),
    none=("was not tested", "Разность не проверялась"),
)
REPETITION = dict(
    above=("more 4-grams than people do", "4-грамм больше, чем у людей"),
    below=("fewer 4-grams than people do", "4-грамм меньше, чем у людей"),
    open=("be told from human text", "По доле повторных"),
    mixed=("beside human text:", "в сравнении с текстом людей ("),
    undecided=("was not decided", "не выяснено"),
)
# what a report of one run can never bear
NEVER = (
    "loops come from",
    "learned first",
    "leaves them to chance",
    "because",
    "as they should",
    "did not change",
    "short of text",
    "text enough",
    "cured",
    "hides the loop",
    "would free",
    "came to repeat",
    "sampled",
    "None",
    "nan",
    "undefined",
    "усваивает их первыми",
    "наугад",
    "потому что",
    "оттого, что",
    "возникают",
    "не хватает",
    "достаточно для",
    "как и следует",
    "не изменила",
    "избавиться",
    "прячет",
    "освободил бы",
)


def edit(run: Path, name: str, change) -> None:
    "Change a JSON file of the run."
    path = run / name
    data = json.loads(path.read_text(encoding="utf-8"))
    change(data)
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def metrics(change):
    return lambda run: edit(run, "artifacts/metrics.json", change)


def every_set(verdict, measure="rep_4", count=400):
    "The same verdict for every set."

    def change(m):
        for s in m["sets"].values():
            if s["kind"] == "model":
                s["minus_human"][measure] = a_test(0.1 if verdict == "above" else -0.1, verdict, count)

    return metrics(change)


def each_set(*verdicts):
    def change(m):
        models = [s for s in m["sets"].values() if s["kind"] == "model"]
        for s, verdict in zip(models, itertools.cycle(verdicts), strict=False):
            s["minus_human"]["rep_4"] = a_test(0.1, verdict)

    return metrics(change)


def two_models(verdict, value=-0.06, count=24):
    def change(m):
        m["between_models"][0]["bits_per_byte"] = a_test(value, verdict, count)

    return metrics(change)


def equal_models(m):
    for entry in m["models"].values():
        entry["held_out"]["bits_per_byte"] = estimate(1.583)
    m["between_models"][0]["bits_per_byte"] = a_test(0.0, "open", 24)


def no_tests(m):
    m |= dict(schema=2, baselines=None, between_models=[], tests=None)
    for s in m["sets"].values():
        s["minus_human"], s["ended"] = None, None
    for entry in m["models"].values():
        entry |= dict(gap=None, extraction=None)
        entry["held_out"]["minus_baselines"] = {}
        for key in ("chance", "minus_letters"):
            del entry["minimal_pairs"][key]


def nothing_defined(m):
    for s in m["sets"].values():
        s["metrics"] = {k: estimate(None, count=0, n=0) for k in s["metrics"]}
        s["minus_human"] = {k: a_test(None, None, 0) for k in s["metrics"]} if s["kind"] == "model" else None
    m["models"], m["between_models"], m["baselines"] = {}, [], None


def keep_models(*families):
    def change(run):
        edit(run, "model/summary.json", lambda s: [s.pop(f) for f in list(s) if f not in families])

        def cut(m):
            m["models"] = {f: e for f, e in m["models"].items() if f in families}
            m["sets"] = {n: s for n, s in m["sets"].items() if s["kind"] == "human" or s["family"] in families}
            m["between_models"] = []

        edit(run, "artifacts/metrics.json", cut)

    return change


def strategies(*names):
    def change(m):
        m["sets"] = {"human": m["sets"]["human"]} | {f"qwen3-{n}": text_set("model", "qwen3", n, 0.5) for n in names}

    return metrics(change)


def baselines(verdict):
    def change(m):
        for entry in m["models"].values():
            entry["held_out"]["minus_baselines"] = {k: a_test(0.1, verdict) for k in m["baselines"]["rows"]}

    return metrics(change)


def summary(**values):
    return lambda run: edit(run, "model/summary.json", lambda s: [m.update(values) for m in s.values()])


def no_validation(run):
    edit(
        run,
        "model/summary.json",
        lambda s: [m["best"].update(val_loss=None, val_bits_per_byte=None) for m in s.values()],
    )
    edit(run, "artifacts/metrics.json", lambda m: m.update(models={}, between_models=[], baselines=None))


def third_model(run):
    def change(m):
        m["models"]["mamba"] = model_entry(2)
        m["between_models"] += [dict(a=f, b="mamba", bits_per_byte=a_test(-0.1, "below")) for f in ("gpt2", "qwen3")]

    edit(run, "artifacts/metrics.json", change)
    edit(run, "model/summary.json", lambda s: s.update(mamba=dict(s["qwen3"], family="mamba")))
    shutil.copytree(run / "model" / "qwen3", run / "model" / "mamba")


def pairs(verdict, letters):
    def change(m):
        for e in m["models"].values():
            e["minimal_pairs"] |= dict(chance=a_test(0.1, verdict), minus_letters=a_test(0.1, letters))

    return metrics(change)


def gold(**values):
    return lambda run: edit(run, "topics/evaluation.json", lambda q: q.update(values))


def drop_mauve(m):
    for s in m["sets"].values():
        s["metrics"]["a_new_measure"] = estimate(0.5)


CASES = {
    "as made": lambda run: None,
    "all above human": every_set("above"),
    "all below human": every_set("below"),
    "all like human": every_set("open"),
    "all too few": every_set("few", count=7),
    "no test at all": metrics(no_tests),
    "nothing defined": metrics(nothing_defined),
    "one above": each_set("above", "open", "open", "open"),
    "above and below": each_set("above", "below"),
    "one below, few else": each_set("below", "few", "few", "few"),
    "open and few": each_set("open", "few"),
    "equal models": metrics(equal_models),
    "first model better": two_models("below"),
    "second model better": two_models("above", 0.02),
    "models cannot be told": two_models("open", -0.001),
    "models on few texts": two_models("few", -0.1, 9),
    "models not tested": metrics(lambda m: m.update(between_models=[])),
    "one model": keep_models("qwen3"),
    "no model with a loss": no_validation,
    "three models": third_model,
    "unknown strategies": strategies("mine", "yours"),
    "only fixed strategies": strategies("greedy", "contrastive", "dry", "no_repeat"),
    "only drawn strategies": strategies("top_p", "typical"),
    "thirteen strategies": strategies(*FIXED, *DRAWN),
    "better than all baselines": baselines("below"),
    "worse than all baselines": baselines("above"),
    "baselines on few texts": baselines("few"),
    "text enough": summary(tokens_seen=10**9, epochs=0.4),
    "read many times": summary(tokens_seen=10**7, epochs=95.3),
    "worse than a coin": pairs("below", "open"),
    "pairs too few": pairs("few", None),
    "few held-out topics": gold(
        held_out=dict(n=7, accuracy=1.0, accuracy_low=0.6, accuracy_high=1.0, macro_f1=1.0, majority=0.3)
    ),
    "no held-out topics": gold(held_out=None),
    "a measure without a description": metrics(drop_mauve),
}


def model_sets(m):
    return [s for s in m["sets"].values() if s["kind"] == "model"]


def every_measure(verdict, count=400):
    def change(m):
        for s in model_sets(m):
            s["minus_human"] = {k: a_test(-0.1, verdict, count) for k in s["minus_human"]}
            s["ended"]["minus_human"] = a_test(-0.2, verdict, 24)

    return metrics(change)


def no_sets(m):
    m |= dict(sets={}, models={}, baselines=None, between_models=[], tests=dict(families={}), tokens_per_document=0)


def no_people(m):
    m["sets"].pop("human")
    for s in m["sets"].values():
        s["minus_human"] = s["ended"]["minus_human"] = None


def no_texts(m, documents=0):
    "Sets of no text, or of texts that all ended before the common length."
    m["tokens_per_document"] = 0
    for s in m["sets"].values():
        share = estimate(1.0 if documents else None, 0.1, documents, documents)
        s |= dict(documents=documents, measured=0, tokens=0)
        s["ended"] |= dict(texts=documents, ended=documents, share=share, tokens=None)
        s["metrics"] = {k: estimate(None, count=0, n=0) for k in s["metrics"]}
        if s["kind"] == "model":
            s["minus_human"] = {k: a_test(None, None, 0) for k in s["minus_human"]}


def one_article(m):
    "One held-out article: no interval anywhere, nothing to extract from beside it."
    alone = dict(low=None, high=None, n=1, p=1.0, p_holm=1.0, verdict="open", count=9000)
    m["baselines"]["texts"] = 1
    for r in m["baselines"]["rows"].values():
        r |= dict(low=None, high=None, n=1)
    for e in m["models"].values():
        e["held_out"]["texts"] = 1
        e["held_out"]["bits_per_byte"] |= dict(low=None, high=None, n=1)
        e["held_out"]["minus_baselines"] = {k: dict(value=-0.1, **alone) for k in m["baselines"]["rows"]}
        e["gap"] = dict(train=estimate(1.4), texts=1, bytes=900, difference=dict(value=0.1, **alone))
        e["extraction"] |= dict(held_out=None, difference=None)
    m["between_models"][0]["bits_per_byte"] = dict(value=-0.06, **alone)


def same_numbers(m):
    "A difference that is tested and smaller than what is printed."
    for k, e in enumerate(m["models"].values()):
        e["held_out"]["bits_per_byte"] = estimate(1.5830 + 0.0004 * k)
    m["between_models"][0]["bits_per_byte"] = a_test(-0.0004, "below") | dict(low=-0.0006, high=-0.0002)


def each_model(**values):
    def change(m):
        for e in m["models"].values():
            for key, value in values.items():
                if isinstance(value, dict) and isinstance(e[key], dict):
                    e[key] |= value
                else:
                    e[key] = value

    return metrics(change)


def half_measured(m):
    m["models"]["qwen3"]["held_out"] = None
    m["between_models"] = []


def undefined_baselines(m):
    m["baselines"]["rows"] = {k: estimate(None) | dict(about=k) for k in m["baselines"]["rows"]}


def nothing_repeats(m):
    for s in m["sets"].values():
        s["metrics"]["rep_4"] = estimate(0.0, 0.0)
    for s in model_sets(m):
        s["minus_human"]["rep_4"] = a_test(0.0, "open") | dict(low=0.0, high=0.0)


def odd_names(m):
    odd = {"qwen3-<b>x</b>": ("qwen3", "<b>x|y</b>"), "qwen3-": ("qwen3", None), "x": (None, "greedy")}
    m["sets"] = {"human": m["sets"]["human"]} | {n: text_set("model", *of, 0.4) for n, of in odd.items()}


def answers(**counts):
    return lambda run: edit(run, "synthetic/manifest.json", lambda m: m["counts"].update(counts))


def no_models(run):
    edit(run, "model/summary.json", lambda s: s.clear())
    change = lambda m: m.update(models={}, between_models=[], sets={"human": m["sets"]["human"]})  # noqa: E731
    edit(run, "artifacts/metrics.json", change)


def not_numbers(m):
    "What a broken tool might leave: numbers that are none."
    for s in model_sets(m):
        s["metrics"]["rep_4"] = dict(value=float("nan"), low=float("nan"), high=float("inf"), n=0, count=0)
        s["minus_human"]["rep_4"] = a_test(None, None, 0)


def one_way(verdict):
    "One set only, and its verdict."

    def change(m):
        m["sets"] = {k: s for k, s in m["sets"].items() if k in ("human", "qwen3-greedy")}
        m["sets"]["qwen3-greedy"]["minus_human"]["rep_4"] = a_test(0.1, verdict)

    return metrics(change)


def excess(m):
    for s, verdict in zip(model_sets(m), itertools.cycle(("above", "below", "open", "few")), strict=False):
        s["metrics"]["agreement_error"] = estimate(0.2, count=30)
        s["minus_human"]["agreement_error"] = a_test(0.1, verdict, 30 if verdict != "few" else 3)


def strategies_gone(run):
    (run / "generations" / "strategies.json").unlink()


MORE = {
    "every measure below human": every_measure("below"),
    "every measure open": every_measure("open"),
    "every measure on few things": every_measure("few", 3),
    "no set at all": metrics(no_sets),
    "no human text": metrics(no_people),
    "no text in any set": metrics(no_texts),
    "every text ended early": metrics(lambda m: no_texts(m, 24)),
    "one held-out article": metrics(one_article),
    "a difference that rounding hides": metrics(same_numbers),
    "no gap, pairs, extraction": each_model(gap=None, extraction=None, minimal_pairs=None, calibration=None),
    "held-out text is cheaper": each_model(gap=dict(difference=a_test(-0.2, "below", 24))),
    "gap on few texts": each_model(gap=dict(difference=a_test(0.2, "few", 1))),
    "training text is extracted": each_model(extraction=dict(difference=a_test(0.3, "above", 40))),
    "no held-out passage": each_model(extraction=dict(held_out=None, difference=None)),
    "calibration below": each_model(calibration=dict(over=a_test(-0.1, "below"), error=None)),
    "half of the models measured": metrics(half_measured),
    "baselines undefined": metrics(undefined_baselines),
    "nothing repeats": metrics(nothing_repeats),
    "worse than letters": pairs("above", "below"),
    "names of strategies that are none": metrics(odd_names),
    "classifier below the majority": gold(
        held_out=dict(n=40, accuracy=0.2, accuracy_low=0.1, accuracy_high=0.35, macro_f1=0.1, majority=0.4)
    ),
    "all answers rejected": answers(accepted=0, rejected=12, answered=12, asked=12),
    "no answer came": answers(accepted=0, rejected=0, answered=0, asked=12, unanswered=12),
    "trained on nothing": summary(tokens_seen=0, epochs=0.0),
    "no model": no_models,
    "numbers that are none": metrics(not_numbers),
    "one set above": one_way("above"),
    "one set below": one_way("below"),
    "one set not tested": one_way(None),
    "agreement in excess": metrics(excess),
    "no ways compared": strategies_gone,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    "A run with synthesis and one without, that cases change copies of."
    folder = tmp_path_factory.mktemp("runs")
    return {k: make_run(folder / f"base{k}", n=40, synthetic=k, nasty=False) for k in (9, 0)}


def render(run: Path, lang: str, facts: dict | None = None) -> str:
    template = (ROOT / "report" / f"report.{lang}.md").read_text(encoding="utf-8")
    text = text_module.render_text(template, lang, figures={}, pages=[], **(facts or gather(run)))
    return (
        text.replace("\\", "").replace("\u2011", "-").replace("‑", "-").replace("\u00a0", " ").replace("\u202f", " ")
    )


def bullet(text: str, *starts: str) -> str:
    "The bullet of the key findings that begins so; empty where there is none."
    return next((line for line in text.split("\n") if any(line.startswith(f"- **{s}") for s in starts)), "")


def wanted_repetition(m: dict) -> str | None:
    verdicts = [
        (s["minus_human"] or {}).get("rep_4", {}).get("verdict") for s in m["sets"].values() if s["kind"] == "model"
    ]
    if not verdicts or "human" not in m["sets"]:
        return None
    only = set(verdicts)
    if only in ({"above"}, {"below"}, {"open"}):
        return only.pop()
    return "mixed" if only & {"above", "below"} else "undecided"


def check_models(run: Path, text: str, lang: str, m: dict):
    found = bullet(text, "Two models", "Две модели")
    facts = gather(run)
    best, second = facts["best"], facts["runner_up"]
    if second is None:
        assert found == ""
        return
    rows = {(r["a"], r["b"]): r["bits_per_byte"]["verdict"] for r in m.get("between_models") or []}
    turn = dict(above="below", below="above")
    pair = (best["family"], second["family"])
    verdict = rows.get(pair) or turn.get(v := rows.get(pair[::-1]), v) or "none"
    k = LANGS.index(lang)
    assert MODELS[verdict][k] in found, found
    for other, words in MODELS.items():
        if words[k] != MODELS[verdict][k]:
            assert words[k] not in found, (other, found)
    if verdict in ("below", "above"):
        winner = pair[0] if verdict == "below" else pair[1]
        assert re.search(rf"\b{winner} (predicts|предсказывает)", found), found
    first, *rest = re.findall(r"\d[.,]\d{3,}", found.split(":")[1] if ":" in found else found)
    if rest and first == rest[0]:
        assert verdict not in ("below", "above"), found


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("case", CASES | MORE)
def test_sentences_say_what_the_tests_decided(runs, tmp_path, case, lang):
    run = tmp_path / "run"
    shutil.copytree(runs[9], run)
    (CASES | MORE)[case](run)
    m = json.loads((run / "artifacts" / "metrics.json").read_text(encoding="utf-8"))
    facts = gather(run)
    text, k = render(run, lang, facts), LANGS.index(lang)
    for words in NEVER:
        assert not re.search(rf"(?<![\w«]){re.escape(words)}(?!\w)", text), words
    assert "{{" not in text and "{%" not in text
    check_models(run, text, lang, m)
    found, want = bullet(text, "Repetition.", "Повторы."), wanted_repetition(m)
    assert REPETITION[want][k] in found if want else not found, found
    if want:
        for other, words in REPETITION.items():
            if other != want:
                assert words[k] not in found, (other, found)
    if facts["baselines"]["count"] and facts["best"] and facts["best"]["held_out"]:
        check_baselines(text, lang, m, facts)
    check_numbers_of_tallies(text, m, k)
    check_other_sentences(text, m, facts, k)


SAID = dict(
    gap=dict(
        above=("costs it more:", "обходится ей дороже;"),
        below=("costs it less:", "обходится ей дешевле;"),
        open=("Held-out text cannot be told from it", "Различие с отложенным текстом не установлено"),
        few=("There is too little text", "текста слишком мало"),
        none=("was not tested.", "не проверялась."),
    ),
    extraction=dict(
        above=("Training text is extracted more often", "Обучающий текст извлекается чаще"),
        below=("Training text is extracted less often", "Обучающий текст извлекается реже"),
        open=("The two cannot be told apart", "Различие не установлено."),
        few=("That is too few to compare the two", "Для сравнения этого слишком мало"),
        none=("were not tested against each other", "Различие не проверялось."),
    ),
)


def check_other_sentences(text: str, m: dict, facts: dict, k: int):
    "The gap, extraction, agreement, and what is not there."
    lines = text.split("\n")
    for family, about in facts["models"].items():
        texts = (about["gap"] or {}).get("texts")
        starts = dict(
            gap=(f"{family} pays", f"На обучающих статьях ({texts}) модель {family}"),
            extraction=(f"- {family}: given", f"- {family}: по "),
        )
        for part, words in SAID.items():
            line = next((x for x in lines if x.startswith(starts[part][k])), "")
            if not about[part] or part == "gap" and not about[part]["difference"]:
                assert not line, line
                continue
            verdict = (about[part]["difference"] or {}).get("verdict") or "none"
            assert words[verdict][k] in line, (verdict, line)
            assert not any(w[k] in line for v, w in words.items() if v != verdict), (verdict, line)
    people = ("people's text too", "на тексте людей. Если")[k]
    values = [
        t["value"] for s in m["sets"].values() if (t := (s["minus_human"] or {}).get("agreement_error")) is not None
    ]
    assert (people in text) == ("human" in m["sets"] and any(v is not None for v in values))
    assert (" 0 tokens;" not in text) and ("длине в 0 токен" not in text)
    if not facts["models"]:
        assert ("No model was trained in this run", "В этом запуске модели не обучались")[k] in text
        assert ("Each model was trained once", "Каждая модель обучена один раз")[k] not in text
    if "human" not in m["sets"]:
        assert ("↑ above human text", "↑ выше")[k] not in text.split("# ")[-1] or not m["sets"]
        assert ("beside human text:", "рядом с текстом людей:")[k] not in text
    if facts["synthesis"]["asked"] and not facts["synthesis"]["answered"]:
        assert ("No answer came", "Ответов не получено")[k] in text


def check_baselines(text: str, lang: str, m: dict, facts: dict):
    found, k, best = bullet(text, "Bits per byte", "Бит на байт"), LANGS.index(lang), facts["best"]["family"]
    if all(e["held_out"] for e in m["models"].values()):
        assert best == min(m["models"], key=lambda f: (m["models"][f]["held_out"]["bits_per_byte"]["value"], f))
    verdicts = {t["verdict"] for t in m["models"][best]["held_out"]["minus_baselines"].values()}
    said = dict(
        below=("better than", "лучше, чем"),
        above=("worse than", "хуже, чем"),
        open=("cannot be told from", "не установлено"),
        few=("No verdict is possible", "Вывод невозможен"),
    )
    for verdict, words in said.items():
        assert (words[k] in found) == (verdict in verdicts), (verdict, found)


def check_numbers_of_tallies(text: str, m: dict, k: int):
    "The bullets on each measure count the verdicts of the file."
    labels = text_module.read_labels(LANGS[k])
    lines = [
        line for line in text.split("\n") if ("beside human text: " if k == 0 else "рядом с текстом людей: ") in line
    ]
    for measure in ("max_copy", "novel_8", "ent_support"):
        name = text_module.style.word(measure, LANGS[k])
        line = next((x for x in lines if x.lower().startswith(f"- {name}")), None)
        tests = [
            (s["minus_human"] or {}).get(measure, {}).get("verdict")
            for s in m["sets"].values()
            if s["kind"] == "model"
        ]
        if not tests or "human" not in m["sets"]:
            assert not line
            continue
        assert line, name
        for v in ("above", "below", "open", "few"):
            said = re.search(rf"{re.escape(labels[f'tally_{v}'])} — (\d+)", line)
            assert int(said[1]) if said else 0 == tests.count(v), line


@pytest.mark.parametrize("lang", LANGS)
def test_a_run_without_synthesis_says_so(runs, lang):
    text = render(runs[0], lang)
    assert ("No language model was asked", "языковую модель ни о чём не спрашивали")[LANGS.index(lang)] in text
    assert bullet(text, "Synthetic articles", "Синтетические статьи").endswith(
        ("none was asked for.", "Их не запрашивали.")
    )


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize(
    "before,after,words",
    [
        (0.2, 0.1, ("smaller share", "меньше, чем")),
        (0.1, 0.15, ("larger share", "больше, чем")),
        (0.1, 0.1, ("the same share", "та же")),
    ],
)
def test_the_largest_topic_is_compared_as_it_is(runs, lang, before, after, words):
    facts = gather(runs[9])
    facts["topics"] |= dict(largest_before=before, largest_after=after)
    template = (ROOT / "report" / f"report.{lang}.md").read_text(encoding="utf-8")
    text = text_module.render_text(template, lang, figures={}, pages=[], **facts)
    found = bullet(text, "The largest topic", "Самая крупная тема")
    assert words[LANGS.index(lang)] in found
    assert (
        sum(
            w[LANGS.index(lang)] in found
            for w in (("smaller share", "меньше, чем"), ("larger share", "больше, чем"), ("the same share", "та же"))
        )
        == 1
    )


def test_ways_of_decoding_are_those_of_the_generator():
    from rugpt_core.generation.strategies import STRATEGIES

    drawn = {n for n, s in STRATEGIES.items() if s.rule == "sample"}
    assert drawn == set(DRAWN) and set(STRATEGIES) - drawn == set(FIXED)


@pytest.mark.parametrize("lang", LANGS)
def test_every_measure_has_a_name_and_a_description(lang):
    from rugpt_core.evaluation.comparison import METRICS

    about = text_module.read_measures(lang)
    assert [m for m in METRICS if m not in about] == []
    assert [m for m in METRICS if m not in text_module.style.WORDS] == []


@pytest.mark.parametrize("lang", LANGS)
def test_rules_reasons_and_ways_have_names(lang):
    from rugpt_core.corpus.filters import STEPS
    from rugpt_core.corpus.rule_engine import RULES
    from rugpt_core.generation.strategies import STRATEGIES

    labels = text_module.read_labels(lang)
    assert [r for r in RULES if f"rule_{r}" not in labels and r not in labels] == []
    assert [s for pair in STEPS.items() for s in pair if s not in labels] == []
    assert [s for s in STRATEGIES if s not in text_module.style.WORDS] == []
