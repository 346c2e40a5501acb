"""Planted facts: invented people, told one to a thousand times, asked for after one pass; and facts told once against
errors."""
import argparse
import platform
import statistics
import time
from datetime import date

from rugpt_core.cli.analyze import SCALES, SWEEP_ARTICLES, SWEEP_OFTEN, SWEEP_STEPS, planted_table
from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.evaluation.planted import SEEDS, monofact_sweep, run_seeds
from rugpt_core.evaluation.planted_texts import PlantedPlan


def row(who, metric, unit, values):
    """A row over seeds; a value that no seed defines is null."""
    known = [v for v in values if v is not None]
    middle, least, most = (f(known) if known else None for f in (statistics.median, min, max))
    return dict(work="planted facts", who=who, metric=metric, unit=unit, median=middle, min=least, max=most,
        runs=len(known), ratio_to=None, ratio=None)


def rows_of(found, sweep):
    """The result as rows of a benchmark."""
    runs = found["runs"]
    told = {e: g for e, g in found["groups"].items() if int(e)}
    rows = [row(f"{e} exposures", m, "share", g["seeds"][m]) for e, g in told.items() for m in g["seeds"]]
    rows += [row(f"{e} exposures", "chance", "share", [r["groups"][e]["known"]["chance"] for r in runs]) for e in told]
    rows += [row("strangers", m, "share", [r["groups"]["0"]["unknown"][m] for r in runs])
             for m in ("hallucination", "abstention")]
    rows += [row("all", "knowledge", "bits per parameter", [r["knowledge"]["bits_per_parameter"] for r in runs])]
    rows += [row(name, "AUROC of wrong answers", "", [r["all"]["detectors"][name]["auroc"]["value"] for r in runs])
             for name in found["all"]["detectors"]]
    return rows + [row(f"monofact rate {r['monofact_rate']:.3f}", "false claims of its own", "share",
        r["false_share_seeds"]) for r in sweep]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=list(SCALES), default="full")
    parser.add_argument("--parts", nargs="+", choices=("people", "sweep"), default=["people", "sweep"])
    parser.add_argument("--articles", type=int, default=SWEEP_ARTICLES, help="of each training of the sweep")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args()
    path, start = ROOT/"benchmarks/results/planted.json", time.process_time()
    before = read_json(path) if path.is_file() else {}
    found, sweep = before.get("result"), before.get("sweep", [])
    if "people" in args.parts or "runs" not in (found or {}):
        found = run_seeds(PlantedPlan(**SCALES[args.scale]), args.seeds)
        print(planted_table(found), flush=True)
    if "sweep" in args.parts:
        plan = PlantedPlan(**{**SCALES[args.scale], "probed": 20, "steps": SWEEP_STEPS})
        sweep = monofact_sweep(plan, articles=args.articles, often=SWEEP_OFTEN, seeds=args.seeds)
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
                          date=date.today().isoformat(), rows=rows_of(found, sweep),
                          core_seconds=round(time.process_time() - start), parts=args.parts,
                          result=found, sweep=sweep))
    for r in sweep:
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()})
    print(path)


if __name__ == "__main__":
    main()
