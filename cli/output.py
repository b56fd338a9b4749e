"""What commands print and write. What is asked for goes to standard output, what is said about it to standard error."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from vpn.errors import StackError


def say(text: str) -> None:
    """Print a line for a person."""
    typer.echo(text)


def note(text: str) -> None:
    """Print a line beside the result, to standard error."""
    typer.echo(text, err=True)


def emit(value: Any) -> None:
    """Print JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Any:
    """Return a table for a terminal."""
    from rich.table import Table  # noqa: PLC0415 - JSON needs none

    found = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in rows:
        found.add_row(*row)
    return found


def show(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print a table; wide enough for every cell where nobody looks at a terminal."""
    from rich.console import Console  # noqa: PLC0415 - as above

    Console(width=None if sys.stdout.isatty() else 250, highlight=False).print(table(columns, rows))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all. An existing file is replaced."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def confirm(question: str, *, yes: bool) -> None:
    """Ask before something is lost; `yes` answers beforehand. Raise StackError when the answer is not yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise StackError(f"{question} Nobody is there to be asked: --yes goes on")
    if not typer.confirm(question, err=True):
        raise StackError("nothing was done")
