"""Kill every stage, export, analysis and synthesis at random moments, go on, and compare the bytes.

python tests/kill_everything.py [--times 20] [--seed 1337] [--what run,export,analyze,synthesize] [--reference RUN]

Each time one command is killed by SIGKILL at a random moment of the time that it takes, one to four times; then it runs
to its end. Prints a line a time, ends with 1 where bytes differ or something is left behind.
"""

import argparse
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from conftest import ROOT, RUGPT, outputs  # noqa: E402
from fault_server import killed_and_again  # noqa: E402

LEFT = ("*.tmp", ".*.tmp", ".*.old", ".running.*")


def call(args, kill_after=None):
    """Run a command; its exit code, and the seconds that it took. Killed: -9."""
    start = time.monotonic()
    with subprocess.Popen(
        [*RUGPT, *map(str, args)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            said, _ = process.communicate(timeout=kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            said, _ = process.communicate()
    if process.returncode not in (0, -signal.SIGKILL):
        raise SystemExit(f"{args}: exit code {process.returncode}\n{said.decode(errors='replace')[-2000:]}")
    return process.returncode, time.monotonic() - start


def left_behind(folder):
    return sorted(str(p.relative_to(folder)) for pattern in LEFT for p in Path(folder).rglob(pattern))


def file_bytes(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(Path(folder).rglob("*")) if p.is_file()}


def interrupted(args, seconds, rng, most=4):
    """Kill a command at random moments, at most so often, then let it end; how often it was killed.

    Where it ended before its moment the next one is earlier: without a kill nothing is tried."""
    kills = 0
    for _ in range(rng.randint(1, most)):
        code, took = call(args, rng.uniform(0.2, max(0.4, seconds)))
        kills += code != 0
        if code == 0:
            seconds = min(took, seconds) / 2
            if kills:
                break
    while not kills and seconds > 0.01:
        code, _ = call(args, seconds)
        kills, seconds = int(code != 0), seconds / 2
    call(args)
    return kills


def kill_run(reference, seconds, folder, rng, most=4):
    run = folder / "run"
    kills = interrupted(["run", "--preset", "smoke", "--run-dir", run], seconds, rng, most)
    pages = {p.name for p in (reference / "report/notebooks").iterdir()}
    whole = {p.name for p in (run / "report/notebooks").iterdir()} == pages
    return kills, whole and outputs(run) == outputs(reference), left_behind(run)


def kill_command(args, folder, rng, most):
    """A command that writes a folder, once undisturbed and once killed: kills, the same bytes, what is left behind."""
    _, seconds = call([*args, folder / "whole"])
    kills = interrupted([*args, folder / "killed"], seconds, rng, most)
    whole, killed = (file_bytes(folder / n) for n in ("whole", "killed"))
    for found in (whole, killed):
        found.pop("timing.json", None)
    return kills, bool(whole) and whole == killed, left_behind(folder)


def kill_export(reference, seconds, folder, rng, most=4):
    return kill_command(["export", "--run-dir", reference, "--no-check", "--out"], folder, rng, most)


def kill_analyze(reference, seconds, folder, rng, most=4):
    args = ["analyze", "--run-dir", reference, "--no-tools", "--bootstrap", "100", "--out"]
    return kill_command(args, folder, rng, most)


def kill_synthesize(reference, seconds, folder, rng, most=4):
    found = killed_and_again(folder, reference / "clean", topics=20, rewrites=4, kill_at=rng.randint(1, 15))
    same = found["asked_again"] == found["changed"] == 0
    return int(found["killed"]), same, left_behind(folder)


WHAT = {"run": kill_run, "export": kill_export, "analyze": kill_analyze, "synthesize": kill_synthesize}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1337)
    parser.add_argument("--what", default=",".join(WHAT))
    parser.add_argument(
        "--reference", default="", help="a finished run of preset smoke, made by this code (default: made now)"
    )
    args = parser.parse_args()
    rng, bad, rows = random.Random(args.seed), 0, []
    with tempfile.TemporaryDirectory(prefix="rugpt-kill-") as home:
        reference = Path(args.reference or Path(home) / "reference")
        _, seconds = call(["run", "--preset", "smoke", "--run-dir", reference])
        manifests = [json.loads(p.read_text()) for p in reference.glob("*/manifest.json")]
        seconds = max(seconds, sum(m["timing"]["seconds"] for m in manifests))
        names = args.what.split(",")
        for n in range(args.times):
            name, folder = names[n % len(names)], Path(home) / f"time-{n}"
            folder.mkdir()
            kills, same, left = WHAT[name](reference, seconds, folder, rng)
            rows.append((name, kills))
            bad += not same or bool(left)
            print(
                f"[{n + 1}/{args.times}] {name:<10} killed {kills} times: "
                f"{'the same bytes' if same else 'OTHER BYTES'}{', left behind: ' + ', '.join(left) if left else ''}",
                flush=True,
            )
            shutil.rmtree(folder, ignore_errors=True)
    total = sum(kills for _, kills in rows)
    print(f"{total} kills, {len(rows) - bad} of {len(rows)} times the same bytes and nothing left behind")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
