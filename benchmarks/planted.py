"""Planted facts: invented people, told one to a thousand times, asked for after one pass; and facts told once against errors."""
import argparse
import platform
import time
from datetime import date

from rugpt_core.cli.analyze import SCALES, planted_table
from rugpt_core.common.environment import versions
from rugpt_core.common.files import ROOT, read_json, write_json
from rugpt_core.evaluation.planted import PlantedPlan, monofact_sweep, run_planted


def row(who, metric, unit, value):
    return dict(work="planted facts", who=who, metric=metric, unit=unit, median=value, min=value, max=value, runs=1,
                ratio_to=None, ratio=None)


def rows_of(found, sweep):
    """The result as rows of a benchmark."""
    rows = [row(f"{e} exposures", m, "share", g["known"][m]) for e, g in found["groups"].items() if int(e)
            for m in ("accuracy", "hallucination", "abstention")]
    rows += [row("strangers", m, "share", found["groups"]["0"]["unknown"][m]) for m in ("hallucination", "abstention")]
    rows += [row("all", "knowledge", "bits per parameter", found["knowledge"]["bits_per_parameter"])]
    return rows + [row(f"monofact rate {r['monofact_rate']:.3f}", "false claims of its own", "share", r["false_share"])
                   for r in sweep]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=list(SCALES), default="full")
    parser.add_argument("--parts", nargs="+", choices=("people", "sweep"), default=["people", "sweep"])
    parser.add_argument("--articles", type=int, default=9000, help="of each training of the sweep")
    args = parser.parse_args()
    path, start = ROOT/"benchmarks/results/planted.json", time.process_time()
    before = read_json(path) if path.is_file() else {}
    found, sweep = before.get("result"), before.get("sweep", [])
    if "people" in args.parts or not found:
        found = run_planted(PlantedPlan(**SCALES[args.scale]))
        print(planted_table(found), flush=True)
    if "sweep" in args.parts:
        plan = PlantedPlan(**{**SCALES[args.scale], "probed": 20})
        sweep = monofact_sweep(plan, articles=args.articles, often=min(240, args.articles//10))
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
                          date=date.today().isoformat(), rows=rows_of(found, sweep),
                          core_seconds=round(time.process_time() - start), parts=args.parts,
                          result=found, sweep=sweep))
    for r in sweep:
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()})
    print(path)


if __name__ == "__main__":
    main()
