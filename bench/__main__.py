"""Run the measurements: `python -m bench [SECTION] …`; all of them without names.

Prints a table and writes `.lab/bench.json`, where sections not measured this time stay; `docs` then writes
docs/benchmarks.md and its plots from it. Nothing passes or fails here: machines are noisy, people read.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from bench import core, machine, program, recovery, report, revocation, rivals, scale, tunnel, warm
from bench.figures import Figures

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".lab" / "bench.json"
SECTIONS: dict[str, Callable[[Figures], None]] = {
    "core": core.run,
    "tunnel": lambda figures: tunnel.run(figures, ROOT),
    "program": lambda figures: program.run(figures, ROOT),
    "revocation": lambda figures: revocation.run(figures, ROOT),
    "ansible": lambda figures: rivals.run(figures, ROOT),
    "scale": lambda figures: scale.run(figures, ROOT),
    "recovery": lambda figures: recovery.run(figures, ROOT),
    "warm": lambda figures: warm.run(figures, ROOT),
}


def main(names: list[str]) -> None:
    """Measure the sections named."""
    unknown = set(names) - SECTIONS.keys() - {"docs"}
    if unknown:
        sys.exit(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)} and docs")
    for name in names or SECTIONS:
        if name == "docs":
            report.write(RESULTS, ROOT / "docs")
            continue
        figures = Figures()
        try:
            print(f"{name}:", flush=True)
            with machine.described(figures, name):
                SECTIONS[name](figures)
        finally:
            figures.write(RESULTS)
            figures.show()


main(sys.argv[1:])
