"""Run the measurements: `python -m bench [SECTION] …`; all of them without names.

Prints a table and writes `.lab/bench.json`, where sections not measured this time stay; `docs` then writes
docs/benchmarks.md and its plots from it. Nothing passes or fails here: machines are noisy, people read.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from bench import calls, core, machine, program, recovery, report, revocation, rivals, scale, tunnel, warm
from bench.figures import UNFINISHED, Figures

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / ".lab" / "bench.json"
SECTIONS: dict[str, Callable[[Figures], None]] = {
    "core": core.run,
    "tunnel": lambda figures: tunnel.run(figures, ROOT),
    "program": lambda figures: program.run(figures, ROOT),
    "calls": lambda figures: calls.run(figures, ROOT),
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
    failed = [name for name in names or SECTIONS if not _done(name)]
    if failed:
        sys.exit(f"not finished: {', '.join(failed)}")


def _done(name: str) -> bool:
    """Measure one section and keep its figures; say whether it came to its end. The next one runs all the same."""
    if name == "docs":
        report.write(RESULTS, ROOT / "docs")
        return True
    figures = Figures()
    print(f"{name}:", flush=True)
    try:
        with machine.described(figures, name):
            SECTIONS[name](figures)
    except Exception as error:  # noqa: BLE001 - whatever broke this section says nothing about the next
        figures.add(name, UNFINISHED, None, "", " ".join(str(error).split())[-300:])
    figures.write(RESULTS)
    figures.show()
    return not any(title == UNFINISHED for _, title, *_ in figures.rows)


main(sys.argv[1:])
