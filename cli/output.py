"""What commands print. What is asked for goes to standard output, what is said about it to standard error."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, NamedTuple

import typer

from vpn.errors import StackError

Json = Annotated[bool, typer.Option("--json", help="print JSON")]
"""The option of a verb that has something to read for a program."""


def say(text: str) -> None:
    """Print a line for a person."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line beside the result, to standard error."""
    typer.echo(text, err=True)


def emit(value: Any) -> None:
    """Print JSON."""
    typer.echo(json_text(value), nl=False)


def json_text(value: Any) -> str:
    """Return a value as JSON for people and programs."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


class Coloured(NamedTuple):
    """A table's cell in one of rich's styles, as `red`."""

    text: str
    style: str


Cell = str | Coloured
"""What stands in a table. Nothing in it is markup: `[fd00::5]` is an address."""


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Any:
    """Return a table for a terminal."""
    from rich.table import Table  # noqa: PLC0415 - JSON needs none
    from rich.text import Text  # noqa: PLC0415 - as above

    found = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        found.add_row(*(Text(*cell) if isinstance(cell, Coloured) else Text(cell) for cell in row))
    return found


def show(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
    """Print a table; wide enough for every cell where nobody looks at a terminal."""
    from rich.console import Console  # noqa: PLC0415 - as above

    Console(width=None if sys.stdout.isatty() else 250, highlight=False).print(table(columns, rows))


def age(seconds: int | None) -> str:
    """Return an age for a person in one unit, rounded down: `119 s`, `2 min`, `2 h`; `never` for None."""
    if seconds is None:
        return "never"
    if seconds < 120:
        return f"{seconds} s"
    return f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"


def size(count: int) -> str:
    """Return a number of bytes for a person, as `1.5 MiB`."""
    amount, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if amount < 1024 or unit == "TiB":
            break
        amount /= 1024
    return f"{count} B" if unit == "B" else f"{amount:.1f} {unit}"


def timed(begun: float) -> Callable[[str], None]:
    """Return a printer of progress lines that tells the seconds since `begun`, a time of `time.monotonic`."""
    return lambda text: note(f"{time.monotonic() - begun:5.1f} s  {text}")


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost; `yes` answers beforehand. Raise StackError when the answer is not yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise StackError(f"{question} Nobody is there to be asked: --yes goes on")
    if not typer.confirm(question, err=True):
        raise StackError("nothing was done")
