"""`probe`: one handshake with nothing but a client file, from wherever this runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli import exits, output, probing, reading

app = typer.Typer(add_completion=False)


@app.command()
def probe(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="a client file; - is standard input")],
    json: output.Json = False,
) -> None:
    """Make one WireGuard handshake with nothing but a client file; needs neither root nor Pulumi.

    From another machine: wgvpn client probe | ssh HOST wgvpn probe -
    Use a peer kept for it: the server takes the sender's address for the peer's.
    """
    text = reading.text(source)
    answer = probing.probe(text)
    if json:
        output.emit(probing.to_dict(answer))
    elif answer.answered:
        output.say(f"{answer.kind} in {answer.milliseconds:.0f} ms")
    else:
        output.say(f"no answer: {answer.reason or 'the port is silent (closed, or the keys do not fit)'}")
    raise typer.Exit(exits.FINE if answer.answered else exits.FAILED)
