"""`show`: the tunnels by peer name."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Annotated, Final

import typer

from cli import output, server
from cli.output import Cell, Coloured
from cli.stack import Stack
from cli.tunnels import OFF, Expiries, Tunnel
from clients.ssh import Session
from vpn.expectation import Expectation

COLUMNS: Final = ("peer", "status", "address", "endpoint", "handshake", "received", "sent")
COLOURS: Final = {
    "connected": "green",
    "handshaking": "yellow",
    "idle": "cyan",
    "disconnected": "red",
    "expired": "dim",
    OFF: "dim",
}
app = typer.Typer(add_completion=False)


@app.command()
def show(
    context: typer.Context,
    json: output.Json = False,
    watch: Annotated[bool, typer.Option("--watch", help="keep looking until interrupted")] = False,
    interval: Annotated[float, typer.Option(min=0.1, help="seconds between looks")] = 2.0,
) -> None:
    """Show the tunnels: each peer's state, address, last handshake, traffic.

    connected: a handshake within 120 s; handshaking, idle: within 180 s, with and without keepalive; disconnected:
    older, with keepalive, or never; expired: older, without keepalive, as silent tunnels are. Peers that are disabled
    or past their date are shown as off.
    """
    if watch and json:
        raise typer.BadParameter("--json looks once: leave --watch out")
    stack: Stack = context.obj
    expected = stack.deployed.expectation
    off = [each for each, peer in stack.deployed.outputs.get("peers", {}).items() if peer["status"] != "active"]
    with Session(stack.way()) as session:
        if watch:
            _watch(session, expected, stack.deployed.expiries, off, interval)
            return
        found = server.must_ask_tunnels(session, expected, stack.deployed.expiries)
    if json:
        output.emit([*(each.to_dict() for each in found), *({"name": name, "status": OFF} for name in off)])
    else:
        output.show(COLUMNS, _rows(found, off))


def _watch(session: Session, expected: Expectation, expiries: Expiries, off: list[str], interval: float) -> None:
    from rich.live import Live  # noqa: PLC0415 - only here

    with Live(auto_refresh=False, screen=False) as live:
        try:
            while True:
                rows = _rows(server.must_ask_tunnels(session, expected, expiries), off)
                live.update(output.table(COLUMNS, rows), refresh=True)
                time.sleep(interval)
        except KeyboardInterrupt:
            return


def _rows(found: Iterable[Tunnel], off: Iterable[str]) -> list[tuple[Cell, ...]]:
    rows: list[tuple[Cell, ...]] = [
        (
            each.name,
            Coloured(each.status, COLOURS[each.status]),
            each.address,
            each.endpoint or "-",
            output.age(each.handshake_age),
            output.size(each.rx),
            output.size(each.tx),
        )
        for each in found
    ]
    return [*rows, *((name, OFF, "-", "-", "-", "-", "-") for name in off)]
