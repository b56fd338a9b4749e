"""`import`: take over another server's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from cli import importing, output, reading
from cli.stack import Stack
from vpn import foreign

app = typer.Typer(add_completion=False)


@app.command()
def import_(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="FILE", help="wg0.conf or wg0.json; - is standard input")],
    to: Annotated[
        Literal["config", "file"] | None, typer.Option(help="where peers go; by default many go into the peers file")
    ] = None,
    json: output.Json = False,
) -> None:
    """Take over another WireGuard server's configuration, keys kept: its clients connect with the files they have.

    Read are wg-quick files as made by hand, by Ansible, by pivpn, by wg-easy, and wg-easy's wg0.json. Keys become
    encrypted config. What cannot be represented, and what the clients' own files may need here, is reported.
    """
    stack: Stack = context.obj
    text = reading.text(source)
    done = importing.take_over(stack.pulumi, stack.configured, foreign.parse(text), to)
    if json:
        output.emit(vars(done))
        return
    output.say(f"{done.origin}: {done.peers} peers are in {done.where}, the server's key in private_key (encrypted)")
    for report in done.reports:
        output.say(f"  {report}")
    output.say("next: set endpoint to what the clients dial, then pulumi preview")
