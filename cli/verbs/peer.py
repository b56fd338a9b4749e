"""`peer`: the peers as they are configured. The next `pulumi up` makes it so on the server."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from cli import moving, output, reading, rotation
from cli.configured import Configured
from cli.peer_store import PeerStore, open_store
from cli.peer_values import PEOPLE, is_disabled
from cli.stack import Stack
from vpn.errors import StackError
from vpn.settings.peers import GENERATED, NONE

NEXT: Final = "next: pulumi preview, then pulumi up"
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Add, change, list and remove peers.")
Name = Annotated[str, typer.Argument(metavar="NAME")]
Many = Annotated[list[str] | None, typer.Option()]


def _open(context: typer.Context) -> tuple[Stack, Configured, PeerStore]:
    stack: Stack = context.obj
    configured = stack.configured
    return stack, configured, open_store(stack.pulumi, configured)


@app.command()
def add(  # noqa: PLR0917 - one option for each attribute of a peer
    context: typer.Context,
    name: Name,
    public_key: Annotated[
        str | None, typer.Option(help="the peer keeps its private key; else the stack makes it")
    ] = None,
    preshared_key: Annotated[str | None, typer.Option(help="generated, none, or - to read a key from input")] = None,
    allowed_ips: Annotated[list[str] | None, typer.Option(help="its address; else one is allocated")] = None,
    site: Annotated[list[str] | None, typer.Option(help="a network behind the peer")] = None,
    endpoint: Annotated[str | None, typer.Option(help="host:port of a site the server dials")] = None,
    keepalive: Annotated[int | None, typer.Option(help="seconds, 0 is off")] = None,
    group: Annotated[str | None, typer.Option(help="whose defaults it takes")] = None,
    tunnel: Annotated[str | None, typer.Option(help="split or full")] = None,
    route: Annotated[list[str] | None, typer.Option(help="a network its client sends into the tunnel")] = None,
    dns: Many = None,
    mtu: Annotated[int | None, typer.Option()] = None,
    expires: Annotated[str | None, typer.Option(help="RFC 3339, as 2027-01-31T18:00:00Z")] = None,
    allow: Annotated[
        list[str] | None, typer.Option(help="a destination it may reach: NETWORK[,PROTOCOL[,PORT…]]; no other then")
    ] = None,
) -> None:
    """Add a peer. Without a public key the stack makes its key pair."""
    peer = {
        "name": name,
        "public_key": public_key,
        "preshared_key": _preshared(preshared_key),
        "allowed_ips": allowed_ips,
        "site_networks": site,
        "endpoint": endpoint,
        "persistent_keepalive": keepalive,
        "group": group,
        "tunnel": tunnel,
        "client_routes": route,
        "dns": dns,
        "mtu": mtu,
        "expires_at": expires,
        "allow": [allow_rule(each) for each in allow or ()],
    }
    _, _, store = _open(context)
    store.add([{key: value for key, value in peer.items() if value not in (None, [])}])
    output.note(f"{name} is in {store.where}; {NEXT}, then wgvpn client {name}")


def _preshared(given: str | None) -> str | None:
    """Return the word, or the key on standard input. An argument may not be the key: every process can read it."""
    if given not in (None, GENERATED, NONE, "-"):
        raise typer.BadParameter("--preshared-key is generated, none, or - to read a key from standard input")
    return reading.secret_line("preshared key") if given == "-" else given


def allow_rule(text: str) -> dict[str, Any]:
    """Return a destination rule from `NETWORK[,PROTOCOL[,PORT…]]`."""
    network, *rest = [part.strip() for part in text.split(",")]
    rule: dict[str, Any] = {"network": network}
    if rest:
        rule["protocol"] = rest[0]
    if rest[1:]:
        rule["ports"] = rest[1:]
    return rule


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a peer: the next up cuts it off. Its address rests before another peer gets it."""
    _, _, store = _open(context)
    told = store.remove(name)
    output.note(f"{name} is removed from {store.where}; {NEXT}")
    if told:
        output.note(told)


@app.command()
def disable(context: typer.Context, name: Name) -> None:
    """Cut a peer off at the next up, and keep its keys and address."""
    _, _, store = _open(context)
    store.change({name: {"disabled": True}})
    output.note(f"{name} is disabled in {store.where}; {NEXT}")


@app.command()
def enable(context: typer.Context, name: Name) -> None:
    """Let a disabled peer in again at the next up."""
    _, _, store = _open(context)
    store.change({name: {"disabled": None}})
    output.note(f"{name} is enabled in {store.where}; {NEXT}")


@app.command()
def rotate(
    context: typer.Context,
    name: Name,
    preshared: Annotated[bool, typer.Option("--preshared", help="its preshared key instead of its key pair")] = False,
) -> None:
    """Renew a peer's keys at the next up."""
    stack, configured, store = _open(context)
    configured.check(PEOPLE)
    made = stack.deployed.generations
    rotation.rotate_peer(store, configured, name, made, settings=configured.settings() if preshared else None)
    output.note(f"{name} gets new keys: {NEXT}, then hand over: wgvpn client {name}")


@app.command("list")
def list_(context: typer.Context, json: output.Json = False) -> None:
    """List the configured peers, with the addresses and keys of the last up."""
    stack, _, store = _open(context)
    try:
        made = stack.deployed.outputs.get("peers", {})
    except StackError:
        made = {}
    rows = [_described(each, made.get(each["name"], {})) for each in store.peers()]
    if json:
        output.emit(rows)
    else:
        output.show(("peer", "state", "address", "public key", "group"), [[*map(str, each.values())] for each in rows])


def _described(peer: dict[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    state = "disabled" if is_disabled(peer) else made.get("status", "not deployed")
    return {
        "name": peer["name"],
        "state": state,
        "address": made.get("address", "-"),
        "public_key": made.get("public_key") or peer.get("public_key") or "-",
        "group": peer.get("group", "-"),
    }


@app.command()
def move(context: typer.Context) -> None:
    """Move the peers from the stack's config to the peers file, which has room for thousands. Keys stay."""
    stack: Stack = context.obj
    configured = stack.configured
    count = moving.to_file(stack, configured)
    output.note(f"{count} peers are in {configured.peers_path.name} now; pulumi preview shows no change")
