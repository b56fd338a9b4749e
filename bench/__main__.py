"""Run the measurements: `python -m bench [core] [tunnel] [program] …`; all of them without names.

Prints a table and writes `.lab/bench.json`. Nothing passes or fails here: machines are noisy, people read.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from bench import core, program, tunnel
from bench.figures import Figures

ROOT = Path(__file__).resolve().parents[1]
SECTIONS: dict[str, Callable[[Figures], None]] = {
    "core": core.run,
    "tunnel": lambda figures: tunnel.run(figures, ROOT),
    "program": lambda figures: program.run(figures, ROOT),
}


def main(names: list[str]) -> None:
    """Measure the sections named."""
    unknown = set(names) - SECTIONS.keys()
    if unknown:
        sys.exit(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    figures = Figures()
    try:
        for name in names or SECTIONS:
            print(f"{name}:", flush=True)
            SECTIONS[name](figures)
    finally:
        figures.write(ROOT / ".lab" / "bench.json")
    figures.show()


main(sys.argv[1:])
