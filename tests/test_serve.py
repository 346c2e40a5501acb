"""`rugpt serve` with the real server of llama.cpp, where it is installed: `make test-serve` installs it."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import ROOT, RUGPT, rugpt

KEY = "a-key-of-the-tests"
pytestmark = pytest.mark.slow


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ask(url, body=None, key=KEY, timeout=120):
    """Status and JSON of a request."""
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=timeout) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as e:
        return e.code, e.read()
    except urllib.error.URLError as e:
        if isinstance(e.reason, ConnectionRefusedError):
            raise
        return "closed", b""  # refused before all of it was sent


@pytest.fixture(scope="module", params=["gpt2", "qwen3"])
def server(request, chain, tmp_path_factory):
    pytest.importorskip("llama_cpp")
    pytest.importorskip("uvicorn")
    folder, port = tmp_path_factory.mktemp("serve") / "export", free_port()
    rugpt(
        "export",
        "--run-dir",
        chain[0],
        "--model",
        request.param,
        "--out",
        folder,
        "--formats",
        "transformers",
        "q8_0",
        "f16",
        "--no-check",
        check=0,
    )
    command = [*RUGPT, "serve", "--export", str(folder), "--host", "0.0.0.0", "--port", str(port), "--kind", "q8_0"]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=os.environ | {"RUGPT_API_KEY": KEY},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    url, end = f"http://127.0.0.1:{port}/v1", time.monotonic() + 120
    while True:
        assert process.poll() is None and time.monotonic() < end, process.stderr.read()
        try:
            ask(f"{url}/models")
            break
        except OSError:
            time.sleep(0.5)
    yield request.param, url, process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_the_model_has_its_name_and_no_path(server):
    family, url, _ = server
    status, models = ask(f"{url}/models")
    assert status == 200 and [m["id"] for m in models["data"]] == [f"rugpt-{family}-q8_0"]
    status, text = ask(f"{url}/completions", dict(prompt="Река", max_tokens=2))
    assert status == 200 and text["model"] == f"rugpt-{family}-q8_0" and "/" not in json.dumps(text["model"])


def test_a_key_is_asked_for(server):
    _, url, _ = server
    for key in ("", "wrong", KEY[:-1], KEY + "x"):
        assert ask(f"{url}/models", key=key)[0] == 401


def test_a_body_has_a_limit(server):
    _, url, _ = server
    assert ask(f"{url}/completions", b'{"prompt": "' + b"a" * 2_000_000 + b'"}')[0] in (413, "closed")
    assert 400 <= ask(f"{url}/completions", b"{oops")[0] <= 500
    assert ask(f"{url}/models")[0] == 200  # and it lives


def test_a_prompt_longer_than_the_context_is_refused_and_the_server_lives(server):
    _, url, _ = server
    assert ask(f"{url}/completions", dict(prompt="Волга впадает в Каспийское море. " * 100, max_tokens=4))[0] in (
        400,
        500,
    )
    assert ask(f"{url}/models")[0] == 200


def test_fifty_requests_at_once_are_all_answered_alike(server):
    _, url, _ = server
    with ThreadPoolExecutor(50) as pool:
        body = dict(prompt="Река Волга", max_tokens=8, temperature=0)
        found = list(pool.map(lambda _: ask(f"{url}/completions", body), range(50)))
    assert {status for status, _ in found} == {200}
    assert len({reply["choices"][0]["text"] for _, reply in found}) == 1


def test_a_server_that_dies_is_said_in_one_line(server):
    _, url, process = server
    children = (open(f"/proc/{process.pid}/task/{process.pid}/children").read()).split()
    os.kill(int(children[0]), signal.SIGSEGV)
    process.wait(30)
    said = process.stderr.read()
    assert (
        process.returncode == 2
        and "the server died (SIGSEGV)" in said.splitlines()[-1]
        and "--engine transformers" in said
    )


def test_another_address_needs_a_key(tmp_path):
    done = subprocess.run(
        [*RUGPT, "serve", "--host", "0.0.0.0", "--run-dir", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        env={k: v for k, v in os.environ.items() if k != "RUGPT_API_KEY"},
    )
    assert done.returncode == 2 and "RUGPT_API_KEY" in done.stderr and done.stderr.count("\n") == 1
