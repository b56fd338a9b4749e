"""`rotate`: renew keys at the next `up`, and say who must act then."""

from __future__ import annotations

from typing import Annotated

import typer

from cli import output, rotation
from cli.configured import Configured
from cli.peer_store import PeerStore, open_store
from cli.rotation import Act
from cli.stack import Stack
from vpn.errors import StackError
from vpn.keyring import SERVER
from vpn.settings import Settings

app = typer.Typer(add_completion=False)
LEFT = "the stack's SSH login, which changes on the server at once: wgvpn keys login"
"""What `--all` does not renew."""


@app.command()
def rotate(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="server|NAME", help="whose key")] = None,
    preshared: Annotated[bool, typer.Option("--preshared", help="the peer's preshared key, not its key pair")] = False,
    everything: Annotated[bool, typer.Option("--all", help="every key the stack makes but its SSH login")] = False,
    json: output.Json = False,
) -> None:
    """Renew keys at the next up: the server's, a peer's, a preshared key, or all. Says which admins must act then."""
    if (name is None) != everything:
        raise typer.BadParameter("name one peer, or server, or --all")
    if preshared and name in (None, SERVER):
        raise typer.BadParameter("--preshared is a peer's key: name one peer")
    stack: Stack = context.obj
    configured = stack.configured
    store = open_store(stack.pulumi, configured)
    settings = configured.settings()
    acts = _rotate(stack, configured, store, settings, name, preshared=preshared)
    if json:
        output.emit([each.to_dict() for each in acts])
        return
    output.say("next: pulumi preview, then pulumi up; after that:")
    output.show(("peer", "to do"), [(each.peer, each.what) for each in acts])


def _rotate(
    stack: Stack,
    configured: Configured,
    store: PeerStore,
    settings: Settings,
    name: str | None,
    *,
    preshared: bool,
) -> list[Act]:
    if name is None:
        return _rotate_all(stack, configured, store, settings)
    if name == SERVER:
        _refuse_namesake(settings)
        stack.pulumi.set_plain(rotation.server_generations(configured, stack.deployed.generations))
        return rotation.people_to_serve(settings.peers, server=True)
    made = stack.deployed.generations
    rotation.rotate_peer(store, configured, name, made, settings=settings if preshared else None)
    own = [each for each in settings.peers if each.name == name]
    return rotation.people_to_serve(own, preshared=preshared)


def _refuse_namesake(settings: Settings) -> None:
    """Raise StackError when a peer is called as the server is here: nobody can tell which of the two is meant."""
    if any(each.name == SERVER for each in settings.peers):
        raise StackError(
            f"a peer is called {SERVER}: wgvpn peer rotate {SERVER} renews its keys; "
            "for the server's own, raise the config key key_generation"
        )


def _rotate_all(stack: Stack, configured: Configured, store: PeerStore, settings: Settings) -> list[Act]:
    """Renew every key that the stack makes; what is given or kept by others is told. All of them, or none."""
    made, agent = stack.deployed.generations, settings.zabbix.zabbix_enabled
    server = rotation.server_generations(configured, made, agent=agent)
    left = rotation.rotate_all(store, configured, settings, made)  # may refuse, so nothing is written before it
    stack.pulumi.set_plain(server)
    for each in [*left, LEFT]:
        output.note(f"not rotated: {each}")
    return rotation.people_to_serve(settings.peers, server=True)
