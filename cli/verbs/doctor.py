"""`doctor`: every health check, and a handshake from outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from cli import exits, health, output, probing, server
from cli.deployed import Deployed
from cli.health import Check
from cli.output import Coloured
from cli.stack import Stack
from cli.tunnels import Tunnel
from clients.ssh import Session
from vpn.errors import ParseError, SshError, StackError

SIGNS: Final = {
    "ok": Coloured("ok", "green"),
    "failed": Coloured("failed", "red"),
    "unchecked": Coloured("not checked", "yellow"),
}
app = typer.Typer(add_completion=False)


@app.command()
def doctor(
    context: typer.Context,
    json: output.Json = False,
    peer: Annotated[str | None, typer.Option(help="probe as this managed peer, which must not be connected")] = None,
    via: Annotated[
        str | None, typer.Option(help="run the probe elsewhere: a command that ends in wgvpn probe -")
    ] = None,
) -> None:
    """Run every health check, and a handshake from outside. Exit 0: all well, 1: a check failed, 5: not all checked.

    The probe makes the server take the prober's address for the peer's, so it never borrows a connected peer: it uses
    --peer, else a peer called probe, else a managed peer that was never seen.
    """
    if via is not None:
        probing.words(via)
    checks = [*_checks(context.obj, peer, via)]
    if json:
        output.emit([each.to_dict() for each in checks])
    else:
        output.show(("check", "", "seen"), [(each.name, SIGNS[each.state], each.seen) for each in checks])
        for each in checks:
            if each.advice:
                output.say(f"  {each.name}: {each.advice}")
    raise typer.Exit(verdict(checks))


def verdict(checks: list[Check]) -> int:
    """Return the exit code of all checks together."""
    states = {each.state for each in checks}
    if "failed" in states:
        return exits.FAILED
    return exits.INCOMPLETE if "unchecked" in states else exits.FINE


def _checks(stack: Stack, peer: str | None, via: str | None) -> Iterator[Check]:
    deployed = stack.deployed
    tunnels: tuple[Tunnel, ...] | None = None
    try:
        with Session(stack.way()) as session:
            found = server.facts(session, deployed.expectation)
            tunnels = server.ask_tunnels(session, deployed.expectation, deployed.expiries)
        yield from health.of_facts(found, deployed.expectation)
        yield health.of_tunnels(tunnels)
    except SshError as error:
        yield health.unreachable(error)
    yield _probe(deployed, tunnels, peer, via)


def _probe(deployed: Deployed, tunnels: tuple[Tunnel, ...] | None, peer: str | None, via: str | None) -> Check:
    """Return the check of the port. Where `tunnels` are not known, any peer but the probe may be connected."""
    if tunnels is None and peer not in (None, probing.PROBE):
        return health.unprobed(f"peer {peer} may be connected, and the server does not tell")
    files = probing.complete(deployed.outputs.get("client_configs", {}))
    chosen = probing.choose(tunnels or (), files, peer)
    try:
        answer = probing.probe(files[chosen], via) if chosen else None
    except (StackError, ParseError) as error:
        return health.unprobed(str(error))
    return health.of_probe(chosen, answer, str(deployed.outputs.get("endpoint")))
