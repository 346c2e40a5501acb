"""What `rugpt serve` refuses before anything is started, and what its server refuses, with a stand-in for llama.cpp."""

import http.client
import json
import os
import signal
import socket
import subprocess
import time

import pytest
from conftest import ROOT, RUGPT
from test_generate import refused

KEY = "a-key-of-the-tests"
STAND_IN = {
    "llama_cpp/__init__.py": "",
    "llama_cpp/llama_cpp.py": "def llama_model_default_params(): return object()\n",
    "llama_cpp/server/__init__.py": "",
    "llama_cpp/server/settings.py": "def ModelSettings(**p): return p\ndef ServerSettings(**p): return p\n",
    "llama_cpp/server/app.py": """
def create_app(server_settings, model_settings):
    async def app(scope, receive, send):
        if scope["type"] != "http":
            return
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": str(len(body)).encode()})
    return app
""",
}  # fmt: skip


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "", "127.0.0.2", "localhost.", "host name"])
@pytest.mark.parametrize("key", ["", "sevenle"])
def test_others_need_a_key(capsys, monkeypatch, tmp_path, host, key):
    monkeypatch.setenv("RUGPT_API_KEY", key)
    refused(capsys, ["RUGPT_API_KEY", f"--host {host}"], "serve", "--host", host, "--run-dir", tmp_path)


@pytest.mark.parametrize("key", ["line\nbreak", "ключ-ключ", "a" * 300, "with a space", "\x1b[31mkey-key"])
def test_a_key_that_no_request_can_carry(capsys, monkeypatch, tmp_path, key):
    monkeypatch.setenv("RUGPT_API_KEY", key)
    for host in ("0.0.0.0", "127.0.0.1"):
        refused(capsys, ["RUGPT_API_KEY", "letters and digits"], "serve", "--host", host, "--run-dir", tmp_path)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """`rugpt serve` on all addresses, with a key."""
    pytest.importorskip("uvicorn", reason='needs uvicorn: pip install "rugpt[serve]"')
    place = tmp_path_factory.mktemp("serving")
    for name, text in STAND_IN.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(text)
    (place / "made").mkdir()
    (place / "made/export.json").write_text("{}")
    (place / "made/m-f16.gguf").touch()
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = os.environ | {"RUGPT_API_KEY": KEY,
           "PYTHONPATH": os.pathsep.join([str(place), str(ROOT), os.environ.get("PYTHONPATH", "")])}
    command = [*RUGPT, "serve", "--export", str(place / "made"), "--host", "0.0.0.0", "--port", str(port)]
    process = subprocess.Popen(command, cwd=place, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 90
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert process.poll() is None and time.monotonic() < end, process.stderr.read()
            time.sleep(0.2)
    yield port
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def ask(port, body=b"", key=KEY, headers=None):
    """Status and text of a request; 0 where the server hung up before all of it was sent."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("POST", "/v1/completions", body, {"Authorization": f"Bearer {key}"} | (headers or {}))
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (ConnectionError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def test_the_server_refuses_what_is_too_large_or_has_no_key(server):
    assert ask(server, b"x" * 100)[0] == 200
    for key in ("", "wrong", KEY[:-1], KEY + "x"):
        status, said = ask(server, b"x", key)
        assert status == 401 and "key" in json.loads(said)["error"]["message"]
    assert ask(server, b"x" * (1 << 20))[0] == 200
    assert ask(server, b"x" * ((1 << 20) + 1))[0] in (413, 0)
    assert ask(server, iter([b"x" * 100_000] * 20))[0] in (413, 0)  # in parts, its length not said
    for length in ("9" * 30, "-5", "x"):
        assert ask(server, headers={"Content-Length": length})[0] in (400, 413, 0)
    assert ask(server, b"x" * 100) == (200, b"100")  # and it lives
