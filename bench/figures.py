"""Collected figures: medians of several runs, a table for a person, a JSON file for a machine."""

import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass
class Figures:
    """Figures by section and name. `note` says what a figure is measured against, or why it is missing."""

    rows: list[tuple[str, str, float | None, str, str]] = field(default_factory=list)

    def add(self, section: str, name: str, value: float | None, unit: str, note: str = "") -> None:
        """Keep one figure and show it at once: a benchmark that is cut short has still said something."""
        self.rows.append((section, name, value, unit, note))
        shown = "-" if value is None else f"{value:,.3g}" if abs(value) < 1000 else f"{value:,.0f}"
        print(f"  {section}: {name}: {shown} {unit} {note}".rstrip(), flush=True)

    def value(self, section: str, name: str) -> float | None:
        """Return a figure kept before."""
        return next((v for s, n, v, _, _ in self.rows if (s, n) == (section, name)), None)

    def as_json(self) -> dict[str, dict[str, Any]]:
        """Return section → name → value, unit and note."""
        found: dict[str, dict[str, Any]] = {}
        for section, name, value, unit, note in self.rows:
            found.setdefault(section, {})[name] = {"value": value, "unit": unit} | ({"note": note} if note else {})
        return found

    def write(self, path: Path) -> None:
        """Write the JSON file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_json(), indent=2) + "\n")

    def show(self) -> None:
        """Print the table."""
        table = Table("section", "figure", "value", "unit", "note", box=None, header_style="dim")
        for section, name, value, unit, note in self.rows:
            table.add_row(section, name, "-" if value is None else f"{value:,.3f}", unit, note)
        Console(highlight=False, width=140).print(table)


def seconds(action: Callable[[], object]) -> float:
    """Return how long one run takes, in seconds."""
    begun = time.monotonic()
    action()
    return time.monotonic() - begun


def median_seconds(action: Callable[[], object], runs: int = 5) -> float:
    """Return the median of several runs, in seconds; the first, cold, does not count."""
    action()
    return statistics.median(seconds(action) for _ in range(runs))


@contextmanager
def stopwatch() -> Iterator[list[float]]:
    """Yield a list that holds the seconds the block took once it is left."""
    taken: list[float] = []
    begun = time.monotonic()
    yield taken
    taken.append(time.monotonic() - begun)
