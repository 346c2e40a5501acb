"""A server with OpenAI's interface that misbehaves on purpose, by the digest of what it is asked and how often.

python tests/fault_server.py LOG [--slow SECONDS] [--without FAULT ...] [--refuse] prints its port; LOG gets one JSON
line for each request

The first tries of a request may meet a fault, a later one is answered, so that every kind of fault is met and nothing
hangs; FAULTS lists the kinds. Of the answers some are empty, in English, one word again and again, or a refusal; most
are Russian prose. Every reply repeats the key that it was sent, in the headers, in errors and in the answer's text, as
some proxies do.
"""

import argparse
import hashlib
import http.server
import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FAULTS = {
    "500": "an error of the server",
    "502": "a page of HTML from a gateway",
    "429": "too many requests, a short Retry-After",
    "wait": "too many requests, a Retry-After of hours",
    "slow": "a reply that comes too late",
    "drip": "a reply that comes byte by byte and never ends",
    "reset": "a connection that is reset",
    "close": "a connection that is closed without a reply",
    "cut": "JSON that is cut off",
    "html": "200 with a page of HTML",
    "error": "200 with an error in it",
    "empty": "an answer without text",
    "thought": "a thought and no answer",
    "400": "a request that is refused",
}
KINDS = ("none",) * 8 + tuple(FAULTS)
WORDS = (
    "река город поле ветер камень берег дорога дерево птица рыба зима лето утро вечер север юг мост дом сад луг лес "
    "холм озеро море остров туман снег дождь солнце луна звезда песок глина трава цветок корень лист ствол"
).split()
VERBS = "стоит лежит видит помнит хранит меняет несёт держит зовёт ждёт любит знает ищет".split()


def number(*parts):
    return int(hashlib.sha256("\x1f".join(map(str, parts)).encode()).hexdigest(), 16)


def asked_for(body):
    """What makes one request another: prompt and seed."""
    return hashlib.sha256(
        json.dumps([body.get("prompt") or body.get("messages"), body.get("seed")]).encode()
    ).hexdigest()[:16]


def prose(seed):
    """Fourteen Russian sentences, the same for the same seed, other ones for another."""

    def pick(words, *at):
        return words[number(seed, *at) % len(words)]

    joins = ("и", "но", "когда", "если", "пока", "чтобы", "хотя", "где", "потому что", "после того как")
    out = []
    for i in range(14):
        who, what, whom, where = (pick(WORDS, i, k) for k in range(4))
        join = joins[(i + number(seed)) % 10]
        out.append(f"{who.title()} {pick(VERBS, i, 4)} {what}, {join} {whom} не {pick(VERBS, i, 5)} {where}.")
    return " ".join(out)


def answer(prompt, key):
    kind = number(prompt, "kind") % 16
    text = {
        0: "",
        1: "The river flows through the town and reaches the sea. " * 6,
        2: "слово " * 200,
        3: "Извините, я не могу помочь.",
    }
    finish = "length" if kind == 2 else "stop"
    return text.get(kind, f" {prose(prompt)}" + (f" Ключ {key}." if kind == 4 else "")), finish


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    tries: dict = {}
    lock = threading.Lock()

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.reply(200, {"object": "list", "data": [{"id": "faulty", "object": "model"}]})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = (self.headers["Authorization"] or "").removeprefix("Bearer ")
        prompt = asked_for(body)
        with self.lock:
            attempt = self.tries[prompt] = self.tries.get(prompt, 0) + 1
        fault = KINDS[number(prompt, attempt) % len(KINDS)] if attempt < 3 else "none"
        fault = "none" if fault in self.server.without else fault
        text, finish = answer(prompt, key)
        usage = {
            "prompt_tokens": len(prompt) // 3,
            "completion_tokens": len(text) // 3,
            "total_tokens": (len(prompt) + len(text)) // 3,
        }
        choice = {
            "index": 0,
            "text": text,
            "message": {"role": "assistant", "content": text},
            "finish_reason": finish,
            "logprobs": None,
        }
        whole = {
            "id": "x",
            "object": "text_completion",
            "created": 0,
            "model": body["model"],
            "choices": [choice],
            "usage": usage,
        }
        time.sleep(self.server.pause)
        self.note(prompt, fault)
        error = {"error": {"message": f"the key {key} is fine, the server is not", "type": "server_error"}}
        if self.server.refuse:
            self.reply(401, {"error": {"message": f"Incorrect API key provided: {key}"}})
        elif fault in ("empty", "thought"):
            said = {"role": "assistant", "content": None, "reasoning_content": "надо подумать"}
            choice.update(text="", message=said if fault == "thought" else {**said, "reasoning_content": None})
            self.reply(200, whole)
        elif fault == "slow":
            time.sleep(self.server.slow)
            self.reply(200, whole)
        elif fault in ("reset", "close", "drip"):
            self.hang_up(fault)
        else:
            hours = {"429": {"Retry-After": "0.2"}, "wait": {"Retry-After": "36000"}}
            page = "<html>Bad gateway</html>"
            body = {"cut": json.dumps(whole, ensure_ascii=False)[:60], "html": page, "502": page, "none": whole}
            status = {"wait": 429, "none": 200, "cut": 200, "html": 200, "error": 200}
            self.reply(status.get(fault) or int(fault), body.get(fault, error), hours.get(fault))

    def hang_up(self, fault):
        """End the connection in one of three ways."""
        self.close_connection = True
        if fault == "reset":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            if fault == "drip":
                self.connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
                )
                for _ in range(200):
                    self.connection.sendall(b" ")
                    time.sleep(0.1)
        except OSError:  # the client gave up
            pass
        self.connection.close()

    def note(self, prompt, fault):
        with self.lock, open(self.server.log, "a") as f:
            f.write(json.dumps({"prompt": prompt, "fault": fault, "at": time.time()}) + "\n")

    def reply(self, status, body, headers=None):
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        try:
            self.send_response(status)
            for k, v in {
                "Content-Type": "application/json",
                "Content-Length": str(len(data)),
                "X-Key": self.headers["Authorization"] or "",
                **(headers or {}),
            }.items():
                self.send_header(k, v)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # the client gave up
            self.close_connection = True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("log")
    parser.add_argument("--slow", type=float, default=2.5)
    parser.add_argument("--pause", type=float, default=0.1)
    parser.add_argument("--without", choices=FAULTS, nargs="*", default=(), help="faults that are left out")
    parser.add_argument("--refuse", action="store_true", help="refuse every key")
    args = parser.parse_args()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *args: None  # a client that was killed
    server.daemon_threads, server.log, server.slow, server.pause = True, args.log, args.slow, args.pause
    server.refuse, server.without = args.refuse, args.without
    print(server.server_port, flush=True)
    server.serve_forever()


@contextmanager
def fault_server(log, *options):
    """The server's base address; its log is a file of JSON lines."""
    Path(log).touch()
    with subprocess.Popen([sys.executable, __file__, str(log), *options], stdout=subprocess.PIPE, text=True) as server:
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}/v1"
        finally:
            server.kill()


STAGE = """
import json, sys
from rugpt_core.synthesis import client, scheduler
from rugpt_core.synthesis.plan import Ask, Wanted
from rugpt_core.synthesis.session import Service
from rugpt_core.synthesis.stage import make_articles
clean, out, work, topics, rewrites, timeout, url = sys.argv[1:]
client.LONGEST_WAIT = scheduler.LONGEST_WAIT = .5 # a minute in earnest
counts = make_articles(clean, out, work, ask=Ask("faulty"), wanted=Wanted(int(topics), 4, rewrites=int(rewrites)),
    service=Service("openai", base_url=url, concurrency=8, timeout=float(timeout)), entity_check="capitals")
json.dump(counts, open(out + "/counts.json", "w"))
"""


def lines(path):
    return [json.loads(x) for x in Path(path).read_text().splitlines()]


def answered(journal):
    """Answers of a journal by key, and what the server knows their requests by."""
    if not Path(journal).is_file():
        return {}, {}
    with sqlite3.connect(f"{Path(journal).as_uri()}?mode=ro", uri=True) as db:
        try:
            rows = db.execute("SELECT key, text, request FROM answers").fetchall()
        except sqlite3.OperationalError:  # the table is not there yet
            return {}, {}
    sent = {key: {**(r := json.loads(request)), **r["params"]} for key, _, request in rows}
    return {key: text for key, text, _ in rows}, {key: asked_for(body) for key, body in sent.items()}


def killed_and_again(folder, clean, topics, rewrites, kill_at, once_more=False, timeout=1.5):
    """Synthesize against the server, killed by SIGKILL at so many answers, then again to the end: what came of it.

    With `once_more` a third run asks for what the second one did not get. A whole try may take `timeout` seconds, and a
    slow reply one more: on a busy machine a short one makes every reply late, and the stage gives the server up."""
    out, work, log = folder / "out", folder / "work", folder / "log.jsonl"
    out.mkdir()
    command = [sys.executable, "-c", STAGE, *map(str, (clean, out, work, topics, rewrites, timeout))]
    how = dict(
        cwd=ROOT,
        env={**os.environ, "OPENAI_API_KEY": "none-of-it"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    start = time.time()
    with fault_server(log, "--slow", str(timeout + 1)) as url:
        killed = subprocess.Popen([*command, url], **how)
        while len(answered(work / "journal.sqlite")[0]) < kill_at and killed.poll() is None:
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
        said = killed.communicate()[0]
        before, known = answered(work / "journal.sqlite")
        early = lines(log)
        again = subprocess.run([*command, url], **how)
        counts, asked = json.loads((out / "counts.json").read_text()) if again.returncode == 0 else {}, lines(log)
        third = subprocess.run([*command, url], **how) if once_more and again.returncode == 0 else again
        last = json.loads((out / "counts.json").read_text()) if third.returncode == 0 else {}
    assert again.returncode == 0, again.stdout
    assert third.returncode == 0, third.stdout
    after = answered(work / "journal.sqlite")[0]
    late = Counter(x["prompt"] for x in asked[len(early) :])
    return dict(
        counts=counts,
        once_more=last,
        killed=killed.returncode == -signal.SIGKILL,
        said=said[-800:],
        answers_at_kill=len(before),
        asked_again=sum(late[p] > 0 for p in known.values()),
        changed=sum(after.get(k) != t for k, t in before.items()),
        tries=len(asked),
        faults=dict(Counter(x["fault"] for x in asked)),
        seconds=round(time.time() - start, 1),
    )


if __name__ == "__main__":
    main()
