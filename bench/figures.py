"""Collected figures: medians of several runs, a table for a person, a JSON file for a machine."""

import json
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

UNFINISHED = "not finished"
"""Title of the figure that says why a section was cut short."""


@dataclass(frozen=True)
class Cost:
    """What a command took: seconds by the clock, and processor seconds of it and all it started on this machine.

    A busy machine stretches the first and hardly the second.
    """

    wall: float
    cpu: float


@dataclass
class Figures:
    """Figures by section and name. `note` says what a figure is measured against, or why it is missing."""

    rows: list[tuple[str, str, float | None, str, str]] = field(default_factory=list)

    def add(self, section: str, name: str, value: float | None, unit: str, note: str = "") -> None:
        """Keep one figure and show it at once: a benchmark that is cut short has still said something."""
        self.rows.append((section, name, value, unit, note))
        print(f"  {section}: {name}: {shown(value)} {unit} {note}".rstrip(), flush=True)

    def cost(self, section: str, name: str, costs: Sequence[Cost], note: str = "") -> Cost:
        """Keep the median of some runs, by the clock and in processor seconds; return it."""
        median = Cost(statistics.median(c.wall for c in costs), statistics.median(c.cpu for c in costs))
        self.add(section, name, median.wall, "s", note)
        self.add(section, f"{name}: processor", median.cpu, "s")
        return median

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return section → name → value, unit and note."""
        found: dict[str, dict[str, Any]] = {}
        for section, name, value, unit, note in self.rows:
            found.setdefault(section, {})[name] = {"value": value, "unit": unit} | ({"note": note} if note else {})
        return found

    def write(self, path: Path) -> None:
        """Write the JSON file; sections that were not measured this time, or not to the end, stay as they were."""
        path.parent.mkdir(parents=True, exist_ok=True)
        before = json.loads(path.read_text()) if path.exists() else {}
        now = {name: own for name, own in self.as_json().items() if UNFINISHED not in own or name not in before}
        path.write_text(json.dumps(before | now, indent=2) + "\n")

    def show(self) -> None:
        """Print the table."""
        table = Table("section", "figure", "value", "unit", "note", box=None, header_style="dim")
        for section, name, value, unit, note in self.rows:
            table.add_row(section, name, shown(value), unit, note)
        Console(highlight=False, width=140).print(table)


def shown(value: float | None) -> str:
    """Return a figure with three digits that count."""
    if value is None:
        return "-"
    return f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"


def measure(action: Callable[[], object]) -> Cost:
    """Run it and return what it took; what it started counts once it has ended."""
    before, begun = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    action()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(time.monotonic() - begun, cpu)


def load() -> float:
    """Return how many processes wanted a processor during the last minute, for each processor there is."""
    return os.getloadavg()[0] / (os.cpu_count() or 1)


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Yield a list that holds the seconds the block took once it is left."""
    taken: list[float] = []
    begun = time.monotonic()
    yield taken
    taken.append(time.monotonic() - begun)
