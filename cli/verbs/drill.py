"""`drill`: the proof that a backup brings the server back, beside the running one."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_interface
from typing import Annotated

import typer

from cli import backups, exits, output, recovery
from cli.configured import Configured
from cli.recovery import Place
from cli.stack import Stack
from vpn.errors import StackError
from vpn.settings import Container

app = typer.Typer(add_completion=False)


@app.command()
def drill(  # noqa: PLR0917 - options of a command
    context: typer.Context,
    address: Annotated[str, typer.Option(help="a free address of the container's network, as 192.168.20.91")],
    snapshot: Annotated[str, typer.Argument(help="a backup (wgvpn backup list)")] = backups.LATEST,
    storage: Annotated[str | None, typer.Option(help="where it is; by default pbs_storage")] = None,
    vmid: Annotated[int | None, typer.Option(help="a free VMID; by default the cluster's next one")] = None,
    json: output.Json = False,
) -> None:
    """Restore a copy beside the running server, isolated; compare it with the stack; remove it. Prints the time taken.

    The copy has the address given, no gateway, and Proxmox VE's firewall lets nothing out of it: it would else speak
    to the peers with the server's own key.
    """
    begun = time.monotonic()
    stack: Stack = context.obj
    configured, own, running = stack.configured, Place.of(stack.deployed), stack.way()
    configured.check(("vlan", "ip_address", "bridge"))
    full = complete(address, configured, running.host)
    way, expected = recovery.at(running, full), stack.deployed.expectation
    with configured.proxmox() as api:
        place = replace(own, vmid=vmid or api.next_vmid())
        known = backups.known(configured, api, own.node, backups.storage(configured, storage), own.vmid)
        chosen = backups.choose(known, snapshot)
        nic = recovery.isolated_nic(_bridge(configured), full, _vlan(configured))
        with _signals_end(), recovery.beside(api, place, chosen.volume, nic, output.timed(begun)):
            verdict = recovery.verify(way, expected)
            seconds = time.monotonic() - begun
    if json:
        output.emit(
            {"backup": chosen.volume, "seconds": round(seconds, 1), "up": verdict.up, "findings": verdict.findings}
        )
    else:
        _tell(chosen.volume, seconds, verdict)
    raise typer.Exit(exits.FINE if verdict.right else exits.FAILED)


def complete(address: str, configured: Configured, running: str) -> str:
    """Return an address with its prefix length, the container's own where it has none.

    Raise StackError for none, and for the server's own, configured or `running`: both would answer to it.
    """
    own = str(configured.values.get("ip_address", ""))
    text = address if "/" in address or "/" not in own else f"{address}/{own.partition('/')[2]}"
    try:
        found = ip_interface(text)
    except ValueError:
        raise StackError(f"{address} is no IP address") from None
    if "/" not in text:
        raise StackError(f"{address} needs a prefix length, for the container has its address from DHCP")
    if str(found.ip) in (running, own.partition("/")[0]):
        raise StackError(f"{address} is the running server's own address")
    return str(found)


@contextmanager
def _signals_end() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end the command as Ctrl-C does, by an exception, so that the copy is removed."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    taken = [each for each, handler in before.items() if handler is not signal.SIG_IGN]  # nohup ignores SIGHUP

    def end(number: int, _: object) -> None:
        for each in taken:
            signal.signal(each, signal.SIG_IGN)  # the removal is not to be broken off
        raise SystemExit(128 + number)

    for each in taken:
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in taken:
            signal.signal(each, before[each])


def _bridge(configured: Configured) -> str:
    return str(configured.values.get("bridge", Container.model_fields["bridge"].default))


def _vlan(configured: Configured) -> int | None:
    vlan = configured.values.get("vlan")
    return int(vlan) if vlan else None


def _tell(volume: str, seconds: float, verdict: recovery.Verdict) -> None:
    output.say(f"{volume}: restored and compared in {seconds:.0f} s; the copy is removed")
    if verdict.right:
        output.say("the service came up by itself, with the stack's key and peers")
    elif not verdict.up:
        output.say("the service did not come up by itself")
    for each in verdict.findings:
        output.say(f"  {each}")
