"""`restore`: the server back from a backup, proven to work."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Annotated

import typer

from cli import backups, exits, output, probing, recovery
from cli.backups import Backup
from cli.recovery import Place, Verdict
from cli.retarget import retarget
from cli.stack import Stack
from clients.proxmox import Proxmox
from clients.ssh import Way
from vpn.errors import ParseError, StackError, Unfinished
from vpn.keyring import SSH

app = typer.Typer(add_completion=False)


@app.command()
def restore(  # noqa: PLR0917 - options of a command
    context: typer.Context,
    snapshot: Annotated[str, typer.Argument(help="a backup (wgvpn backup list)")] = backups.LATEST,
    storage: Annotated[str | None, typer.Option(help="where it is; by default pbs_storage")] = None,
    to: Annotated[int | None, typer.Option(help="a free VMID, when the container's own cannot be used")] = None,
    peer: Annotated[str | None, typer.Option(help="prove it with a handshake as this peer")] = None,
    via: Annotated[str | None, typer.Option(help="make that handshake elsewhere, as doctor does")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="do not ask")] = False,
) -> None:
    """Bring the server back from a backup: into its container, or with --to under a new VMID that the stack then has.

    Started, it must come up by itself with the stack's key and peers, and a peer must connect: the probe (see doctor),
    or the first that comes back by itself.
    """
    begun = time.monotonic()
    stack: Stack = context.obj
    own, configured = Place.of(stack.deployed), stack.configured
    place = own if to is None else replace(own, vmid=to)
    prober, way, expected = _prober(stack, peer, via), stack.way(), stack.deployed.expectation
    with configured.proxmox() as api:
        known = backups.known(configured, api, own.node, backups.storage(configured, storage), own.vmid)
        chosen = backups.choose(known, snapshot)
        if place is not own:
            _only_one(api, own, place)
        _tell_of_a_former_login(stack, chosen)
        _ask(chosen, place, there=not api.vmid_is_free(place.vmid), yes=yes)
        if place is not own:
            recovery.keep_down(api, own)
        recovery.in_place(api, place, chosen.volume, output.timed(begun))
    if place is not own:
        _take_over(stack, own, place)
    verdict = recovery.verify(way, expected)
    code = max(_tell(verdict), _prove(stack, way, prober, via), key=(exits.FINE, exits.INCOMPLETE, exits.FAILED).index)
    output.say(f"recovered in {time.monotonic() - begun:.0f} s; next: pulumi refresh, then pulumi preview")
    raise typer.Exit(code)


def _prober(stack: Stack, peer: str | None, via: str | None) -> str | None:
    """Return the peer to probe as, None without one. Raise StackError for a peer or a way that cannot be used."""
    if via is not None:
        probing.words(via)
    return probing.choose((), probing.complete(stack.deployed.outputs.get("client_configs", {})), peer)


def _tell_of_a_former_login(stack: Stack, chosen: Backup) -> None:
    login = stack.deployed.keyring[SSH]
    if login.origin == "given" and chosen.made < login.generated_at():
        output.note(
            "the backup is from before wgvpn keys login: the old key will log in, and nothing of the stack, until the "
            "new one takes its place in the restored container (docs/cli.md, The stack's login)"
        )


def _ask(chosen: Backup, place: Place, *, there: bool, yes: bool) -> None:
    when = f"{chosen.made:%Y-%m-%d %H:%M} UTC"
    told = (
        f"CT {place.vmid} becomes what it was at {when}; what it holds now is lost."
        if there
        else f"CT {place.vmid} is made, as the server was at {when}."
    )
    output.confirm(f"{told} Go on?", yes=yes)


def _only_one(api: Proxmox, own: Place, place: Place) -> None:
    """Refuse a second server with the same keys and address beside a running one."""
    if not api.vmid_is_free(place.vmid):
        raise StackError(f"VMID {place.vmid} is taken")
    if api.running(own.node, own.vmid):
        raise StackError(f"CT {own.vmid} runs: stop it first, or see wgvpn drill for a copy beside it")


def _take_over(stack: Stack, own: Place, place: Place) -> None:
    """Let the stack have the container under its new VMID: the state first, for then the config can follow by hand.

    Raise Unfinished, with the next step, when either cannot be written.
    """
    try:
        stack.pulumi.import_(retarget(stack.pulumi.export(), own.vmid, place.vmid))
    except StackError as error:
        again = f"destroy CT {place.vmid} on the node and restore again"
        raise Unfinished(f"CT {place.vmid} runs, but the stack still has CT {own.vmid}: {error}; {again}") from None
    try:
        stack.pulumi.set_plain({"container_id": str(place.vmid)})
    except StackError as error:
        by_hand = f"pulumi config set container_id {place.vmid}"
        raise Unfinished(f"the state has CT {place.vmid} now, the config not yet: {error}; next: {by_hand}") from None
    left = f"an old CT {own.vmid} is left to you, and does not start with the node any more"
    output.say(f"the stack has CT {place.vmid} now; {left}")


def _tell(verdict: Verdict) -> int:
    if not verdict.up:
        output.say("the service did not come up by itself: wgvpn doctor tells more")
        return exits.FAILED
    if verdict.findings:
        output.say("the service is up; it differs from the stack (the backup is older than the last up?):")
        for each in verdict.findings:
            output.say(f"  {each}")
        output.say("  pulumi refresh and pulumi up put that right")
        return exits.FAILED
    output.say("the service came up by itself, with the stack's key and peers")
    return exits.FINE


def _prove(stack: Stack, way: Way, prober: str | None, via: str | None) -> int:
    """Prove that a peer connects: by a probe where there is a `prober`, or by the first peer that is back."""
    if prober is not None and _shakes_hands(stack, prober, via):
        return exits.FINE
    output.say(f"waiting up to {recovery.BACK_SECONDS:.0f} s for the first peer to come back by itself")
    back = recovery.first_back(way, stack.deployed.expectation)
    if back is not None:
        output.say(f"{back} is connected again")
        return exits.FINE
    output.say(f"no peer has connected within {recovery.BACK_SECONDS:.0f} s; a probe would tell: {probing.ADVICE}")
    return exits.INCOMPLETE if prober is None else exits.FAILED


def _shakes_hands(stack: Stack, prober: str, via: str | None) -> bool:
    """Say how the probe went. One that could not be made is told, too: the peers may still come back."""
    try:
        answer = probing.probe(stack.deployed.outputs["client_configs"][prober], via)
    except (StackError, ParseError) as error:
        output.say(f"handshake as {prober}: {error}")
        return False
    how = f"in {answer.milliseconds:.0f} ms" if answer.answered else answer.reason or "no answer"
    output.say(f"handshake as {prober}: {how}")
    return answer.answered
