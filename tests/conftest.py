"""One small run of the whole chain, shared by every test that looks at its results."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

ROOT = Path(__file__).resolve().parent.parent
RUGPT = [sys.executable, "-c", "from rugpt_core.cli.main import main; main()"]

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def rugpt(*args, cwd=ROOT, timeout=600, check=None):
    """Run the command line in its own process; `check` is the exit code that it must have."""
    done = subprocess.run([*RUGPT, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=timeout)
    if check is not None:
        assert done.returncode == check, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def outputs(run_dir):
    """Digest of every output of a run that holds no time of the clock: {stage/file: sha256}."""
    found = {}
    for path in sorted(Path(run_dir).glob("*/manifest.json")):
        for name, o in json.loads(path.read_text())["outputs"].items():
            if not o["timed"]:
                found[f"{path.parent.name}/{name}"] = o["sha256"]
    return found


def copy_checkout(folder):
    """Copy what git would hand out: nothing that a run left, nothing that git ignores."""
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=True).stdout
    for name in filter(None, listed.split("\n")):
        if (ROOT/name).is_file():
            (folder/name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT/name, folder/name)


def use_environment(folder):
    """Let a copied checkout use this environment: `make` sets nothing up again. Gives make's option for that."""
    (folder/".venv").symlink_to(sys.prefix)
    stamp = subprocess.run("pwd -P | cksum | cut -d' ' -f1", shell=True, cwd=folder, capture_output=True, text=True)
    return f"-o .venv/.installed-{stamp.stdout.strip()}"


def pytest_configure():
    """What the commands remember of the last run goes into a folder of the tests; threads of the two processes, which
    share two cores, do not wait for each other spinning; commands hear Ctrl-C where a shell's `&` has it ignored too.
    """
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="rugpt-state-")


def pytest_unconfigure():
    """The folder goes with the tests."""
    shutil.rmtree(os.environ["XDG_STATE_HOME"], ignore_errors=True)


@pytest.hookimpl(trylast=True)  # after those that -m leaves away are gone
def pytest_collection_modifyitems(items):
    """The longest file first, then those that need no shared run: while one process makes the run, the other has
    work. The long tests are dealt out in halves, so that there the second half begins with them."""
    needs = {i.path for i in items if "chain" in i.fixturenames}
    items.sort(key=lambda i: (i.path.name != "test_chain.py", i.path in needs, i.path.name != "test_notebooks.py"))
    if all(i.get_closest_marker("slow") for i in items):
        need, free = ([i for i in items if ("chain" in i.fixturenames) == wanted] for wanted in (True, False))
        free.sort(key=lambda i: i.path.name != "test_from_nothing.py")
        half = max(0, len(items)//2 - 1)
        items[:] = need[:half] + free + need[half:]


@pytest.fixture(scope="session")
def chain(tmp_path_factory, worker_id):
    """The run directory of preset smoke, run once by the command line, for all processes of a test run."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    run_dir, log = Path(os.environ.get("RUGPT_TEST_RUN") or base/"chain"/"smoke"), base/"chain.log"
    with FileLock(base/"chain.lock"):
        if not log.exists():
            log.write_text(rugpt("run", "--preset", "smoke", "--run-dir", run_dir, timeout=1800, check=0).stdout)
    return run_dir, log.read_text()


@pytest.fixture(scope="session")
def demo(tmp_path_factory, worker_id):
    """What the README's `make run` builds in a fresh checkout, once for all processes: (run directory, output)."""
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder, log = base/"demo", base/"demo.log"
    with FileLock(base/"demo.lock"):
        if not log.exists():
            folder.mkdir()
            copy_checkout(folder)
            env = os.environ | dict(PYTHONPATH=str(folder), XDG_STATE_HOME=str(folder/"state"))
            done = subprocess.run(["make", *use_environment(folder).split(), "run"], cwd=folder, env=env,
                capture_output=True, text=True, timeout=3600)
            assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
            log.write_text(done.stdout)
    return folder/"runs/demo", log.read_text()


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium; a machine without one fails the test and says how to get it."""
    if CHROMIUM is None:
        pytest.fail("no Chromium on this machine: apt-get install chromium (Debian), or leave `-m slow` away")
    from playwright.sync_api import sync_playwright
    with sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-dev-shm-usage",
            "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"])
        yield browser
        browser.close()
