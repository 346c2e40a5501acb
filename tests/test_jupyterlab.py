"""Run All in a real JupyterLab, in a headless browser; skipped where there is no Chromium."""
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine (Debian: apt-get install "
    "chromium)")


@pytest.fixture(scope="module")
def lab(chain, tmp_path_factory):
    """A JupyterLab over copies of the notebooks that point to the finished run; gives (address, folder)."""
    folder = tmp_path_factory.mktemp("lab")
    for path in (ROOT/"notebooks").glob("0*.ipynb"):
        text = path.read_text().replace('\\"runs/lab\\"', json.dumps(json.dumps(str(chain[0])))[1:-1])
        (folder/path.name).write_text(text)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = dict(os.environ, JUPYTER_CONFIG_DIR=str(folder/".config"), JUPYTER_DATA_DIR=str(folder/".data"))
    with open(folder/"server.log", "w") as log:
        server = subprocess.Popen([Path(sys.executable).parent/"jupyter", "lab", "--no-browser", "--allow-root",
            f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token=lab", f"--ServerApp.root_dir={folder}"],
            stdout=log, stderr=log, env=env)
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token=lab", timeout=2)
                    break
                except OSError:
                    time.sleep(.5)
            else:
                pytest.fail((folder/"server.log").read_text())
            yield f"http://127.0.0.1:{port}", folder
        finally:
            server.terminate()
            server.wait(30)


def code_cells(path):
    return [c for c in json.loads(path.read_text())["cells"] if c["cell_type"] == "code"]


def wait_for_kernel(address, notebook, seconds=60):
    """Wait until the notebook's kernel is idle, as the server's own interface says."""
    for _ in range(seconds):
        sessions = json.load(urllib.request.urlopen(f"{address}/api/sessions?token=lab", timeout=10))
        if any(s["path"] == notebook and s["kernel"]["execution_state"] == "idle" for s in sessions):
            return
        time.sleep(1)
    pytest.fail(f"no kernel for {notebook}: {sessions}")


@pytest.mark.parametrize("name", ["01_explore", "08_artifacts"])
def test_run_all(lab, name):
    from playwright.sync_api import sync_playwright
    address, folder = lab
    path = folder/f"{name}.ipynb"
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        # a workspace of its own: no tab is left open
        page.goto(f"{address}/lab/workspaces/{name}/tree/{name}.ipynb?token=lab")
        page.locator(".jp-NotebookPanel").wait_for(timeout=60_000)
        wait_for_kernel(address, f"{name}.ipynb")
        page.get_by_role("menubar").get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        for _ in range(90):
            time.sleep(2)
            page.keyboard.press("Control+s")
            time.sleep(.5)
            cells = code_cells(path)
            errors = [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
            if errors or all(c["execution_count"] for c in cells):
                break
        if os.environ.get("RUGPT_TEST_SHOTS"):
            page.screenshot(path=f"{os.environ['RUGPT_TEST_SHOTS']}/{name}.png")
        browser.close()
    assert not errors, errors
    assert all(c["execution_count"] for c in cells), "some cells never ran"
    figures = [o for c in cells for o in c["outputs"] if "image/png" in o.get("data", {})
        or "image/svg+xml" in o.get("data", {})]
    assert figures, "no figure was drawn"
