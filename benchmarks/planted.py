"""Planted facts: invented people, told one to a thousand times, asked for after one pass; and facts told once against errors."""
import argparse
import platform
import time
from datetime import date

from rugpt_core.analysis import SCALES, planted_table
from rugpt_core.planted import Plan, monofact_sweep, run_planted
from rugpt_core.runs import ROOT, versions, write_json


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", choices=list(SCALES), default="full")
    parser.add_argument("--articles", type=int, default=4000, help="of each training of the sweep; 0: no sweep")
    args = parser.parse_args()
    start = time.process_time()
    found = run_planted(Plan(**SCALES[args.scale]))
    print(planted_table(found), flush=True)
    sweep = monofact_sweep(Plan(**SCALES["small"]), articles=args.articles) if args.articles else []

    def row(who, metric, unit, value):
        return dict(work="planted facts", who=who, metric=metric, unit=unit, median=value, min=value, max=value, runs=1,
                    ratio_to=None, ratio=None)

    rows = [row(f"{e} exposures", m, "share", g["known"][m]) for e, g in found["groups"].items() if int(e)
            for m in ("accuracy", "hallucination", "abstention")]
    rows += [row("strangers", m, "share", found["groups"]["0"]["unknown"][m]) for m in ("hallucination", "abstention")]
    rows += [row("all", "knowledge", "bits per parameter", found["knowledge"]["bits_per_parameter"])]
    rows += [row(f"monofact rate {r['monofact_rate']:.3f}", "false claims of its own", "share", r["false_share"]) for r in sweep]
    path = ROOT/"benchmarks/results/planted.json"
    write_json(path, dict(machine=f"{platform.machine()}, {platform.system()}", versions=versions(),
                          date=date.today().isoformat(), rows=rows, core_seconds=round(time.process_time() - start),
                          result=found, sweep=sweep))
    for r in sweep:
        print({k: round(v, 4) if isinstance(v, float) else v for k, v in r.items()})
    print(path)


if __name__ == "__main__":
    main()
