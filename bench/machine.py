"""The machine under a measurement: without it a figure says nothing."""

import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.figures import Figures, load


@contextmanager
def described(figures: Figures, section: str) -> Iterator[None]:
    """Note what machine it is, and how busy before and after."""
    before = load()
    try:
        yield
    finally:
        note = f"{os.cpu_count()} processors, {model()}, Linux {platform.release()}; before it {before:.1f}"
        figures.add(section, "load by processor at the end", load(), "", note)


def model() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "processor")
