"""Run All in a real JupyterLab, in a headless browser: each notebook in a fresh clone, with its own defaults."""
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import ROOT, copy_checkout

pytestmark = pytest.mark.slow
NOTEBOOKS = [*sorted(p.stem for p in (ROOT/"notebooks").glob("0*.ipynb")), "ru/02_clean"]


@pytest.fixture
def lab(tmp_path):
    """A JupyterLab over a copy of what git hands out, with nothing that a run left; gives (address, folder)."""
    folder = tmp_path/"clone"
    folder.mkdir()
    copy_checkout(folder)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = dict(os.environ, JUPYTER_CONFIG_DIR=str(tmp_path/"config"), JUPYTER_DATA_DIR=str(tmp_path/"data"),
        PYTHONPATH=str(folder))
    with open(tmp_path/"server.log", "w") as log:
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
                pytest.fail((tmp_path/"server.log").read_text())
            yield f"http://127.0.0.1:{port}", folder
        finally:
            server.terminate()
            server.wait(30)


def code_cells(path):
    return [c for c in json.loads(path.read_text(encoding="utf-8"))["cells"] if c["cell_type"] == "code"]


def wait_for_kernel(address, seconds=120):
    """Wait until the kernel of the one open notebook is idle, as the server's own interface says."""
    for _ in range(seconds):
        sessions = json.load(urllib.request.urlopen(f"{address}/api/sessions?token=lab", timeout=10))
        if any(s["kernel"]["execution_state"] == "idle" for s in sessions):
            return
        time.sleep(1)
    pytest.fail(f"no kernel is idle: {sessions}")


def saved(page, path):
    """The code cells as JupyterLab has them now."""
    page.keyboard.press("Control+s")
    time.sleep(1)
    return code_cells(path)


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_run_all(lab, browser, name):
    """Every cell runs to the end without an error, what the notebook reads is built, figures are drawn."""
    address, folder = lab
    path = folder/f"notebooks/{name}.ipynb"
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    page.goto(f"{address}/lab/tree/notebooks/{name}.ipynb?token=lab")
    page.locator(".jp-NotebookPanel").wait_for(timeout=120_000)
    wait_for_kernel(address)
    page.get_by_role("menubar").get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()
    end = time.monotonic() + 2400  # a minute or two, where nothing else has the processor
    while time.monotonic() < end:
        time.sleep(3)
        cells = saved(page, path)
        errors = [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
        if errors or all(c["execution_count"] for c in cells):
            break
    wait_for_kernel(address)
    cells = saved(page, path)
    if os.environ.get("RUGPT_TEST_SHOTS"):
        page.screenshot(path=f"{os.environ['RUGPT_TEST_SHOTS']}/{path.stem}.png")
    page.close()
    errors = [o for c in cells for o in c["outputs"] if o["output_type"] == "error"]
    assert not errors, errors
    assert all(c["execution_count"] for c in cells), "some cells never ran"
    assert [o for c in cells for o in c["outputs"] if {"image/png", "image/svg+xml"} & o.get("data", {}).keys()]
    built = len(list((folder/"runs/lab").glob("*/manifest.json")))
    number = int(path.stem[:2])
    assert built >= min(7, number - (number > 1))
