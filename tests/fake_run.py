"A run folder with made-up numbers, as the stages leave it, to try the report on."

import json
import random
from pathlib import Path

import pyarrow as pa
from conftest import ROOT

from rugpt_core.common.files import write_json, write_jsonl, write_parquet
from rugpt_core.runs.layout import STAGES
from rugpt_core.topics.stage import topic_names
from rugpt_core.topics.taxonomy import read_topics

NASTY = (
    "Он `был` $x$ [ссылка](http://evil.test/a.js) <script>alert(1)</script> # * _a_ @b "
    "~~c~~ \\n \x1b[31m\x07 \ufffd | ^ {=html} //! = - + 1. « » ё"
)
TOPICS = (
    "history",
    "geography",
    "biology",
    "medicine",
    "physics",
    "mathematics",
    "astronomy",
    "technology",
    "art",
    "literature",
    "sport",
    "society",
)
REASONS = ("too_short", "list_page", "not_russian", "near_duplicate", "exact_duplicate")
HUMAN = (
    "Город расположен на левом берегу реки, при впадении в неё небольшого притока. Первое упоминание "
    "относится к четырнадцатому веку; тогда это была крепость на торговом пути. В конце восемнадцатого столетия здесь "
    "построили каменный мост и открыли первую школу, а век спустя через город прошла железная дорога."
)
ARTICLE = pa.schema(
    [(k, pa.string()) for k in ("id", "source", "source_id", "revision", "title", "text")]
    + [("n_chars", pa.int64()), ("split", pa.string()), ("meta", pa.string())]
)


def article(i: int, source: str = "wiki40b") -> dict:
    text = HUMAN * (1 + i % 7)
    return dict(
        id=f"{i:016x}",
        source=source,
        source_id=f"Q{i}",
        revision="",
        title=f"Статья {i}",
        text=text,
        n_chars=len(text),
        split="val" if i % 10 == 0 else "train",
        meta="{}",
    )


def make_run(
    run_dir,
    n: int = 85,
    families=("gpt2", "qwen3"),
    synthetic: int = 9,
    gold: bool = True,
    tokenizer: str = "bpe",
    nasty: bool = True,
) -> Path:
    "Write every folder that the report reads."
    run, rng = Path(run_dir), random.Random(5)
    for spec in STAGES.values():
        (run / spec.folder).mkdir(parents=True, exist_ok=True)
    write_json(run / "run.json", dict(preset="demo", params={}))
    lost = n // 5
    _corpus(run, n, lost, rng)
    _synthetic(run, synthetic)
    _topics(run, n - lost, synthetic, gold, rng)
    _tokens(run, n - lost, tokenizer)
    _models(run, families, tokenizer)
    _texts(run, families, nasty)
    for name in STAGES["report"].reads:
        _manifest(run, name, synthetic)
    _notebook(run)
    return run


def _corpus(run: Path, n: int, lost: int, rng):
    write_parquet(run / "clean" / "articles.parquet", [article(i) for i in range(n - lost)], ARTICLE)
    schema = ARTICLE.append(pa.field("reasons", pa.string())).append(pa.field("stage", pa.string()))
    rows = [
        article(i) | dict(reasons=json.dumps([REASONS[i % 5]] + ["too_short"] * (i % 5 == 1)), stage="rules")
        for i in range(lost)
    ]
    write_parquet(run / "clean" / "rejected.parquet", rows, schema)
    write_json(
        run / "clean" / "funnel.json",
        [
            dict(step="source", articles=n),
            dict(step="long_enough", articles=n - lost // 2),
            dict(step="near_duplicate", articles=n - lost),
        ],
    )
    write_json(
        run / "clean" / "rules.json",
        [dict(rule=r, doc="", on=True, articles=3, hits=9, characters=9) for r in ("stress", "quotes")],
    )  # noqa: E501
    write_json(run / "clean" / "timing.json", dict(stress=0.25))
    hit = dict(rule="stress", title="Нева", left="вот ", before="Нева\u0301", after="Нева", right="\u00a0— | река *")
    refused = dict(reason="too_short", title="Стаб", n_chars=9, text="Это `река`")
    write_json(run / "clean" / "examples.json", dict(hits=[hit], rejected=[refused]))


def _synthetic(run: Path, k: int):
    rows = [article(1000 + i, "synthetic-topic" if i % 2 else "synthetic-rewrite") for i in range(k)]
    write_parquet(run / "synthetic" / "articles.parquet", rows, ARTICLE)
    schema = ARTICLE.append(pa.field("reasons", pa.string()))
    bad = [article(2000 + i) | dict(reasons='["copies_seed"]') for i in range(k // 3)]
    write_parquet(run / "synthetic" / "rejected.parquet", bad, schema)
    one = lambda x: {"distinct_1": dict(value=x, low=x - 0.02, high=x + 0.02, n=k)}
    sets = dict(synthetic=one(0.6), natural=one(0.7)) if k else {}
    write_json(run / "synthetic" / "variety.json", dict(texts=k, words=100, sets=sets, topics={}))


def _topics(run: Path, n: int, synthetic: int, gold: bool, rng):
    labels = [dict(id=f"{i:016x}", topic=TOPICS[int(12 * rng.random() ** 2)]) for i in range(n + synthetic)]
    write_parquet(run / "topics" / "labels.parquet", labels)
    write_json(run / "topics" / "names.json", topic_names(read_topics(ROOT / "data/topics.yml")))
    kept: list[dict] = []
    for i, row in enumerate(labels):
        if sum(k["topic"] == row["topic"] for k in kept) < max(3, n // 14):
            kept.append(article(i, "synthetic-topic" if i >= n else "wiki40b") | dict(topic=row["topic"], score=0.5))
    write_parquet(run / "topics" / "selection.parquet", kept)
    keys = ("n", "accuracy", "accuracy_low", "accuracy_high", "macro_f1", "majority")
    write_json(
        run / "topics" / "evaluation.json",
        dict(
            classifier="encoder",
            held_out=dict(zip(keys, (24, 0.75, 0.55, 0.88, 0.7, 0.2) if gold else (0, *(None,) * 5), strict=True)),
            **dict(zip(keys, (60, 0.8167, 0.7, 0.894, 0.791, 0.25) if gold else (0, *(None,) * 5), strict=True)),
        ),
    )


def _tokens(run: Path, n: int, name: str):
    size = 4096 if name == "bpe" else 262144
    split = lambda k, t: dict(documents=k, tokens=t, bytes=t * 5, chars=t * 3, sha256="0" * 64)
    write_json(
        run / "tokens" / "meta.json",
        dict(
            schema=1,
            dtype="uint16",
            vocab_size=size,
            bos_id=0,
            tokenizer=dict(name=name, digest="0" * 64),
            splits=dict(train=split(n, n * 1543), val=split(max(n // 10, 1), n * 154)),
        ),
    )
    row = lambda v, used, b: dict(
        tokens=n * 1543,
        bytes_per_token=b,
        tokens_per_word=1.9,
        vocab_size=v,
        used=used,
        never_used=v - used,
        used_share=used / v,
        curve={},
    )
    rows = {"bpe": row(4096, 4001, 5.02), "gemma": row(262144, 12877, 6.31)}
    write_json(
        run / "tokens" / "comparison.json",
        dict(text={}, gemma_missing="", rows=rows, sample="", segmentation={}),
    )


def _models(run: Path, families, tokenizer: str):
    summary, size = {}, 4096 if tokenizer == "bpe" else 262144
    for k, family in enumerate(families):
        (run / "model" / family).mkdir(exist_ok=True)
        rows = [
            dict(
                step=s,
                tokens=s * 4096,
                loss=8 / (1 + s / 90),
                lr=1e-3,
                val_loss=7.9 / (1 + s / 150) + k * 0.1,
                val_bits_per_byte=2.1 + 0.06 * k + 3 / (1 + s / 40),
            )
            if s % 20 == 0
            else dict(step=s, tokens=s * 4096, loss=8 / (1 + s / 90), lr=1e-3, val_loss=None, val_bits_per_byte=None)
            for s in range(0, 201, 10)
        ]
        write_jsonl(run / "model" / family / "log.jsonl", rows)
        groups = dict(
            embedding=size * 128,
            position=128 * 256 * (1 - k),
            attention=262144,
            mlp=524288 + 9000 * k,
            norm=1152,
        )
        blocks = groups["attention"] + groups["mlp"] + groups["norm"]
        summary[family] = dict(
            family=family,
            parameters=sum(groups.values()),
            groups=groups,
            blocks=blocks,
            device="cpu",
            tokens_seen=200 * 4096,
            epochs=200 * 4096 / 104924,
            best=dict(step=200, val_loss=rows[-1]["val_loss"], val_bits_per_byte=rows[-1]["val_bits_per_byte"]),
        )
    write_json(run / "model" / "summary.json", summary)


def estimate(value, w=0.03, count=400, n=24) -> dict:
    return dict(
        value=value,
        low=None if value is None else value - w,
        high=None if value is None else value + w,
        n=n,
        count=count,
    )


def a_test(value, verdict, count=400) -> dict:
    "A test of a difference, as the analysis writes it."
    p = dict(above=0.0004, below=0.0004, open=0.4, few=None).get(verdict)
    return estimate(value, 0.01, count) | dict(p=p, p_holm=p, verdict=verdict)


def measures(r: float) -> dict:
    "Measures of a set that repeats this much."
    undefined = estimate(None, count=0, n=0)
    return dict(
        {f"rep_{n}": estimate(r / n) for n in (1, 2, 3, 4)},
        diversity=estimate(max(0.03, 1 - r)),
        **{f"distinct_{n}": estimate(x - r / 3) for n, x in ((1, 0.6), (2, 0.9), (3, 0.95))},
        tail_loop_share=estimate(r / 3),
        compression_ratio=undefined,
        novel_8=estimate(0.9),
        max_copy=estimate(5.5, 1),
        ent_support=estimate(0.4, count=64),
        unknown_word_share=estimate(0.05),
        agreement_error=undefined,
    )


def text_set(kind, family, strategy, r) -> dict:
    "What metrics.json says of a set of texts."
    found = measures(r)
    least = dict(ent_support="few", compression_ratio=None, agreement_error=None)
    beside = {"model": "above" if strategy == "greedy" else "open", "human": None}[kind]
    tests = {m: a_test((r - 0.3) / 4, least.get(m, beside), 7 if least.get(m) == "few" else 400) for m in found}
    share = estimate(0.25, 0.1, 24)
    return dict(
        kind=kind,
        family=family,
        strategy=strategy,
        documents=24,
        measured=23,
        tokens=23 * 120,
        metrics=found,
        ended=dict(
            texts=24,
            ended=6,
            share=share,
            tokens=dict(low=30.0, median=41.0, high=77.0),
            minus_human=None if kind == "human" else a_test(0.1, "open", 24),
        ),
        minus_human=None if kind == "human" else tests,
    )


def model_entry(k: int) -> dict:
    "What metrics.json says of the k-th model."
    bits = estimate(1.6 + 0.06 * k, 0.05)
    extracted = dict(sequences=40, greedy=estimate(0.05, 0.04, 40), probable=estimate(0.05, 0.04, 40))
    baselines = dict(
        uniform=a_test(-6.4, "below"),
        unigram=a_test(-0.5, "below"),
        bzip2=a_test(0.02, "open"),
        char_ngram=a_test(0.1, "above"),
    )
    return dict(
        held_out=dict(bits_per_byte=bits, texts=24, minus_baselines=baselines),
        minimal_pairs=dict(
            n=90,
            model=estimate(0.62),
            length=estimate(0.41),
            letters=estimate(0.47),
            chance=a_test(0.12, "above", 90),
            minus_length=a_test(0.21, "above", 90),
            minus_letters=a_test(0.15, "above", 90),
            phenomena=dict(
                case=phenomenon("above", 45), gender=phenomenon("open", 45), number=phenomenon("few", 7)
            ),
        ),
        calibration=dict(
            tokens=4000,
            ece=0.031,
            error=estimate(0.031, 0.01, 4000),
            accuracy=estimate(0.3, 0.02, 4000),
            confidence=0.33,
            over=a_test(0.03, "above", 4000),
            rows=[],
        ),
        gap=dict(train=estimate(1.4), texts=24, bytes=9000, difference=a_test(0.2, "above", 24)),
        extraction=dict(
            prefix=32, suffix=16, train=extracted, held_out=extracted, difference=a_test(0.0, "open", 40)
        ),
    )


def phenomenon(verdict, n: int) -> dict:
    tests = {k: a_test(0.1, verdict, n) for k in ("chance", "minus_length", "minus_letters")}
    return dict(n=n, model=0.6, length=0.5, letters=0.5, low=0.4, high=0.8, tests=tests)


def strategies() -> list[dict]:
    "strategies.json of three ways of decoding and people."
    rows = []
    ways = (("human", {}), ("greedy", {}), ("top_p", dict(top_p=0.95)), ("mine", dict(x=1)))
    for k, (name, settings) in enumerate(ways):
        test = a_test(0.1 * k, ("above", "open", "few")[k - 1], 400 if k < 3 else 7)
        tests = dict(rep_4=test, diversity=test)
        rows.append(
            dict(
                strategy=name,
                settings=settings,
                texts=24,
                tokens=2400,
                ended=6,
                length=100,
                measured=20,
                ended_share=estimate(0.25, 0.1, 24),
                rep_4=estimate(0.1 * k),
                diversity=estimate(1 - 0.1 * k),
                bits_per_byte=estimate(1.5 if k else None),
                minus_human=tests if k else None,
            )
        )
    return rows


def make_metrics(families=("gpt2", "qwen3"), strategies=(("greedy", 0.9), ("top_p", 0.34))) -> dict:
    "metrics.json of made-up models that differ."
    sets = {"human": text_set("human", None, None, 0.3)}
    for family in families:
        sets |= {f"{family}-{s}": text_set("model", family, s, r) for s, r in strategies}
    bits = dict(uniform=8.0, unigram=2.1, bzip2=1.58, char_ngram=1.5)
    between = [
        dict(a=a, b=b, bits_per_byte=a_test(-0.06, "below", 24), minimal_pairs=None)
        for i, a in enumerate(families)
        for b in families[i + 1 :]
    ]
    return dict(
        schema=3,
        sets=sets,
        tests=dict(
            level=0.95,
            alpha=0.05,
            least=20,
            families=dict(repetition=16, substance=20, bits_per_byte=9),
            measures=dict(repetition=("rep_4", "diversity"), substance=("max_copy", "novel_8", "ent_support")),
        ),
        ended_articles=dict(articles=9, ended=2, tokens=144, share=estimate(0.22, 0.1, 9)),
        tokens_per_document=120,
        bootstrap=dict(samples=2000),
        baselines=dict(texts=24, bytes=90000, rows={k: estimate(v, 0.05) | dict(about=k) for k, v in bits.items()}),
        between_models=between,
        models={f: model_entry(k) for k, f in enumerate(families)},
    )


def _texts(run: Path, families, nasty: bool):
    rows = [
        dict(
            prompt=f"Статья {i}\n\nГород {i} — административный центр",
            prompt_ids=[1],
            ids=[2],
            text=HUMAN,
            logprobs=None,
            strategy="human",
            seed=0,
            checkpoint="",
            article_id=f"{i:016x}",
            topic="history",
        )
        for i in range(8)
    ]
    write_jsonl(run / "generations" / "human.jsonl", rows)
    loop = "Город был основан в году и был городом и был городом " + "и был городом " * 20
    for family in families:
        for strategy in ("greedy", "top_p"):
            text = loop if strategy == "greedy" else NASTY if nasty else HUMAN[40:]
            write_jsonl(
                run / "generations" / f"{family}-{strategy}.jsonl",
                [x | dict(strategy=strategy, text=text) for x in rows],
            )
    write_json(run / "artifacts" / "metrics.json", make_metrics(families))
    write_json(run / "generations" / "strategies.json", strategies())
    (run / "generations" / "strategies").mkdir(exist_ok=True)
    write_jsonl(run / "generations" / "strategies" / "greedy.jsonl", [dict(checkpoint=f"{families[0]}@abc")])


def _manifest(run: Path, name: str, synthetic: int):
    params = dict(source="data/sample/wiki40b_ru.jsonl", seed=1337, topics_file="data/topics.yml")
    bad, asked = synthetic // 3, synthetic + synthetic // 3
    way = lambda n, k: dict(asked=n + k, answered=n + k, unanswered=0, accepted=n, rejected=k, accepted_chars=n * 900)
    counts = (
        dict(
            way(synthetic, bad),
            ways=dict(topic=way(synthetic, bad), rewrite=way(0, 0)),
            engine=dict(name="replay", models=["gemma-3-4b-it"] if asked else []),
        )
        if name == "synthesize"
        else {}
    )
    write_json(
        run / STAGES[name].folder / "manifest.json",
        dict(
            schema=1,
            stage=name,
            params=params,
            inputs={},
            code="ab12" * 16,
            counts=counts,
            outputs={"a.parquet": dict(sha256="0" * 64, bytes=123456, timed=False)},
            versions=dict(python="3.11.7", torch="2.13.0", rugpt="0.1.0"),
            machine="x86_64, 2 cores, 24 GB",
            timing=dict(started="2025-01-01T00:00:00+00:00", seconds=7.31, peak_memory_mb=812),
        ),
    )


def _notebook(run: Path):
    out = lambda **data: dict(output_type="display_data", metadata={}, data=data)
    code = lambda source, *outputs: dict(
        cell_type="code",
        id=f"c{len(source)}",
        metadata={},
        execution_count=1,
        source=source,
        outputs=list(outputs),
    )
    table = (
        "<div><table border='1' class='dataframe'><thead><tr><th></th><th>n</th></tr></thead>"
        "<tbody><tr><th>история</th><td>12</td></tr></tbody></table></div>"
    )
    svg = "<svg xmlns='http://www.w3.org/2000/svg' width='60' height='20'>"
    svg += "<rect width='60' height='20' fill='#0072b2'/></svg>"
    cells = [
        dict(cell_type="markdown", id="m", metadata={}, source="# 02 Clean\n\n> From raw text to articles."),
        code("clean(source)", dict(output_type="stream", name="stderr", text="10%\r50%\r\x1b[32m100%\x1b[0m\n")),
        code("frame", out(**{"text/html": table, "text/plain": "история 12"})),
        code("plot()", out(**{"image/svg+xml": svg, "text/plain": "<Figure>"})),
        code("widget()", out(**{"text/html": "<script>alert(2)</script>", "text/plain": "widget"})),
        code(
            "1/0 ",
            dict(
                output_type="error",
                ename="ZeroDivisionError",
                evalue="division by zero",
                traceback=["\x1b[31mx"] * 99,
            ),
        ),
    ]
    (run / "notebooks").mkdir(exist_ok=True)
    write_json(
        run / "notebooks" / "02_clean.ipynb",
        dict(
            cells=cells,
            nbformat=4,
            nbformat_minor=5,
            metadata={"kernelspec": {"display_name": "python3", "language": "python", "name": "python3"}},
        ),
    )
