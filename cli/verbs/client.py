"""`client`: a peer's client file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import output, writing
from cli.clients import client_text
from cli.stack import Stack

app = typer.Typer(add_completion=False)


@app.command()
def client(
    context: typer.Context,
    name: str,
    target: Annotated[Path | None, typer.Option("--output", "-o", help="write it here, readable for you alone")] = None,
) -> None:
    """Print a peer's client file (wg-quick), or write it readable for you alone (mode 0600).

    The file of a peer that keeps its own private key has a marked place for it.
    """
    stack: Stack = context.obj
    text = client_text(stack.deployed, name)
    if target is None:
        typer.echo(text, nl=False)
    else:
        writing.write_private(target, text.encode())
        output.note(f"{target}: client file of {name}")
