"""The verdicts of `rugpt judge` on answers with a person's verdict; none of them is in the documentation of the
checks."""

import http.server
import json
import threading
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import rugpt

ANSWERS = Path(__file__).parent / "data"


def rows_of(names):
    """The answers of files of this folder."""
    return [json.loads(x) for n in names for x in (ANSWERS / n).read_text(encoding="utf-8").splitlines()]


def shares(said, rows):
    """Precision and recall of what is accepted, cases that a person would argue about or that no rule can see apart."""
    assert [s["id"] for s in said] == [r["id"] for r in rows]
    clear = [(s, r) for s, r in zip(said, rows, strict=True) if not r["debatable"] and not r["judge_only"]]
    pairs = [(s["accepted"], r["verdict"] == "accept") for s, r in clear]
    both = sum(a and b for a, b in pairs)
    return len(pairs), both / sum(a for a, _ in pairs), both / sum(b for _, b in pairs)


def judged(path):
    return [json.loads(line) for line in rugpt("judge", path, check=0).stdout.splitlines()]


def test_answers_that_the_checks_were_developed_on():
    said = judged(ANSWERS / "answers.jsonl")
    n, precision, recall = shares(said, rows_of(["answers.jsonl"]))
    assert n > 100 and precision >= 0.95 and recall >= 0.95, (n, precision, recall)
    assert all(bool(s["reasons"]) != s["accepted"] for s in said)


CANAL = (
    "Канал между озером и рекой прорыли в 1846 году. Длина его 41 км, глубина 3 метра. Сенат не принял проекта "
    "второго канала. В 1850 году художник написал «Ночной дождь», в 1857 году — «Белую ночь». Баржи с зерном "
    "проходят канал за девять часов, плоты немного быстрее барж."
)
CLOSE = "Канал между рекой и озером прорыли в 1846 году. Глубина его 3 метра, длина 41 км. "
KINDS = [ # an answer, and the reason to refuse it
    (CLOSE + "Баржи с зерном проходят его за девять часов. Проект второго канала Сенат не принял.", ""),
    (CLOSE + "Баржи с зерном проходят его за девять часов. Рабочим строители обещали пшеницу и ордена.", "added"),
    (CLOSE + "Сенат поддержал проект второго канала. Баржи с зерном проходят канал за девять часов.", "negation"),
    (CLOSE + "В 1850 году художник написал «Белую ночь», а в 1857-м закончил «Ночной дождь».", "moved_names"),
    (CLOSE + "Сенат отклонил проект второго канала. Баржи чуть медленнее плотов, их путь занимает девять часов.", ""),
]


def test_kinds_of_faults_and_what_is_none(tmp_path):
    rows = [
        dict(id=i, way="rewrite", title="Канал", source=CANAL, style="encyclopedia", reader="student", answer=answer)
        for i, (answer, _) in enumerate(KINDS)
    ]
    file = tmp_path / "kinds.jsonl"
    file.write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    found = [s["reasons"] for s in judged(file)]
    assert found == [[reason] if reason else [] for _, reason in KINDS], found


# benchmarks/judging.py measures all
LATER = ["second", "fifth", "ninth", "thirteenth", "sixteenth", "nineteenth", "twenty_second", "twenty_sixth"]


@pytest.mark.slow
def test_later_batches_after_what_they_showed_was_mended(tmp_path):
    """Judged in one file, counted batch by batch."""
    batches = {x: rows_of([f"answers_{x}.jsonl"]) for x in LATER}
    rows = [r for batch in batches.values() for r in batch]
    (tmp_path / "all.jsonl").write_text("\n".join(json.dumps(r, ensure_ascii=False) for r in rows), encoding="utf-8")
    said = iter(judged(tmp_path / "all.jsonl"))
    found = {name: shares([next(said) for _ in batch], batch) for name, batch in batches.items()}
    assert next(said, None) is None
    low = {k: v for k, v in found.items() if v[1] < 0.75 or v[2] < 0.85}
    assert not low and all(n > 20 for n, *_ in found.values()), found
    precision, recall = (sum(v[i] * v[0] for v in found.values()) / sum(v[0] for v in found.values()) for i in (1, 2))
    assert precision >= 0.9 and recall >= 0.95, found


def test_rows_from_standard_input_and_rows_that_are_none():
    import subprocess
    import sys

    line = (ANSWERS / "answers.jsonl").read_text(encoding="utf-8").splitlines()[0]
    command = [sys.executable, "-m", "rugpt_core", "judge"]
    done = subprocess.run(command, input=line + "\n", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and json.loads(done.stdout)["accepted"], done
    done = subprocess.run(command, input=line + "\n{]\n", capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2 and "row 2" in done.stderr and "Traceback" not in done.stderr, done


def paragraph(answer):
    """The longest paragraph, without control characters."""
    return max((" ".join(p.replace("\0", "").split()) for p in answer.split("\n")), key=len)


@contextmanager
def scripted_judge(rows, broken=()):
    """A server that knows the right verdicts; of the ids in `broken` it says nothing readable at first."""
    asked, left = [], set(broken)

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *args):
            pass

        def do_GET(self):
            self.reply({"object": "list", "data": []})

        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = body["messages"][-1]["content"]
            asked.append(body)
            said = " ".join(said.split("Ответ:\n")[-1].split())
            # the text may have lost what was cut off: the longest answer of which a paragraph stands in the question
            row = max(
                (r for r in rows if paragraph(r["answer"]) in said),
                key=lambda r: len(paragraph(r["answer"])),
                default=None,
            )
            good = row is not None and row["verdict"] == "accept"
            text = json.dumps(dict(why="", faithful=good, fluent=True, encyclopedic=True))
            if row and row["id"] in left:
                left.discard(row["id"])
                text = "затрудняюсь"
            message = {"role": "assistant", "content": text}
            usage = {"prompt_tokens": 700, "completion_tokens": 30, "total_tokens": 730}
            choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
            self.reply(
                {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 0,
                    "model": "j",
                    "choices": [choice],
                    "usage": usage,
                }
            )

        def reply(self, body):
            data = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", asked
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
def test_a_judge_that_is_right_makes_the_verdicts_right(tmp_path):
    """Every fifth batch of answers in one file; what no rule can see counts, since the judge sees it."""
    names = sorted(p.name for p in ANSWERS.glob("answers*.jsonl"))[::5]
    rows = rows_of(names)
    file, work = tmp_path / "all.jsonl", tmp_path / "work"
    file.write_text(
        "\n".join(json.dumps({**r, "id": i}, ensure_ascii=False) for i, r in enumerate(rows)), encoding="utf-8"
    )
    rows = [{**r, "id": i} for i, r in enumerate(rows)]
    options = ("--llm-judge", "openai", "--judge-model", "gpt-4o-mini", "--work-dir", work)
    doubtful = {r["id"] for r in rows if r["verdict"] == "accept" and not r["debatable"]}
    with scripted_judge(rows, broken=sorted(doubtful)[:1]) as (url, asked):
        first = rugpt("judge", file, *options, "--judge-base-url", url, check=0)
        n = len(asked)
        assert "agree on" in first.stderr and "kappa" in first.stderr and "$" in first.stderr, first.stderr
        assert "1 without a verdict" in first.stderr, first.stderr
        again = rugpt("judge", file, *options, "--judge-base-url", url, check=0)
        assert len(asked) <= n + 2 and "without a verdict" not in again.stderr, (
            again.stderr
        )  # the journal has the others
    verdicts = [json.loads(line) for line in again.stdout.splitlines()]
    clear = [(v, r) for v, r in zip(verdicts, rows, strict=True) if not r["debatable"]]
    both = sum(v["accepted"] and r["verdict"] == "accept" for v, r in clear)
    precision = both / sum(v["accepted"] for v, _ in clear)
    recall = both / sum(r["verdict"] == "accept" for _, r in clear)
    wrong = [
        (r["verdict"], r["category"], v["reasons"]) for v, r in clear if v["accepted"] != (r["verdict"] == "accept")
    ]
    assert len(clear) > 200 and precision >= 0.95 and recall >= 0.95, (precision, recall, wrong)
    rubric = {json.dumps(a["messages"][0], ensure_ascii=False) for a in asked[1:]}
    assert sum("Рубрика судьи" in r for r in rubric) == 1, "the constant part comes first and is the same"
    assert asked[-1]["response_format"]["type"] == "json_schema"
