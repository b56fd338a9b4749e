"""The health checks of the data model (Monitoring & Observability), each with what to do when it fails."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from cli.handshake import Answer
from cli.output import age
from cli.probing import ADVICE
from cli.server import service
from cli.tunnels import OFF, Tunnel
from vpn import drift
from vpn.expectation import Expectation

State = Literal["ok", "failed", "unchecked"]
PORT: Final = "UDP port answers"
REPAIR: Final = "pulumi refresh shows it, pulumi up puts it right"


@dataclass(frozen=True)
class Check:
    """One check: what was looked at, how it is, what was seen, and what to do about it."""

    name: str
    state: State
    seen: str
    advice: str = ""

    def to_dict(self) -> dict[str, str]:
        """Return the check as JSON-able data."""
        return asdict(self)


def _check(name: str, problems: Sequence[str], fine: str, advice: str) -> Check:
    return Check(name, "failed", "; ".join(problems), advice) if problems else Check(name, "ok", fine)


def unreachable(error: Exception) -> Check:
    """Return the check of the way to the server, failed."""
    advice = "is the container running, and the jump host's address and key right? The VPN itself may work"
    return Check("server reachable", "failed", str(error), advice)


def of_facts(found: Mapping[str, Any], expected: Expectation) -> Iterator[Check]:
    """Yield the checks of what `observe` found: peers, service, configuration file, everything else."""
    yield Check("server reachable", "ok", "over SSH, with the pinned host key")
    yield _service(found, expected)
    yield _file(found, expected)
    yield _peers(found, expected)
    yield _check("as the stack left it", drift.compare(expected, found), "no drift", REPAIR)


def _service(found: Mapping[str, Any], expected: Expectation) -> Check:
    unit = service(expected)
    own = found["units"].get(unit, {})
    active, enabled = own.get("active") or "unknown", own.get("enabled") or "unknown"
    problems = [f"{unit} is {active}"] if active != "active" else []
    problems += [f"{unit} is {enabled} at boot"] if enabled != "enabled" else []
    advice = f"{REPAIR}; why it stopped: journalctl -u {unit} on the server"
    return _check("service active and enabled", problems, f"{unit} is active and enabled", advice)


def _file(found: Mapping[str, Any], expected: Expectation) -> Check:
    path = next(path for path, each in expected.files.items() if each.digest is None)
    own = found["files"].get(path)
    if own is None:
        return Check("configuration file", "failed", f"{path} does not exist", REPAIR)
    problems = [f"{path} has mode {own['mode']} instead of 0600"] if own["mode"] != "0600" else []
    problems += [f"{path} belongs to {own['owner']}"] if own["owner"] != "root:root" else []
    problems += [f"{path} was changed"] if found["config"]["digest"] != expected.config_digest else []
    return _check("configuration file", problems, f"{path} is valid, 0600 root:root", REPAIR)


def _peers(found: Mapping[str, Any], expected: Expectation) -> Check:
    runtime = found["runtime"]
    if not runtime:
        return Check("wg show lists the peers", "failed", f"{expected.interface} is down", REPAIR)
    running = {each["public_key"] for each in runtime["peers"]}
    wanted = {peer.public_key: peer.name for peer in expected.peers}
    problems = [f"{name} is missing" for key, name in wanted.items() if key not in running]
    problems += [f"{len(running - wanted.keys())} unknown"] if running - wanted.keys() else []
    return _check("wg show lists the peers", problems, f"{len(wanted)} peers, and no other", REPAIR)


def of_tunnels(tunnels: Iterable[Tunnel]) -> Check:
    """Return the check that at least one peer, not past its date, has had a handshake within 180 s."""
    found = [each for each in tunnels if each.status != OFF]
    alive = [each for each in found if each.alive]
    if not found:
        return Check("a recent handshake", "unchecked", "no peer may connect", "wgvpn peer add NAME")
    if alive:
        youngest = min(each.handshake_age or 0 for each in alive)
        return Check("a recent handshake", "ok", f"{len(alive)} of {len(found)} peers, the last {age(youngest)} ago")
    advice = "does nobody use the VPN now, or can nobody reach the port? The next check tells"
    return Check("a recent handshake", "failed", f"none of {len(found)} peers within 180 s", advice)


def unprobed(why: str) -> Check:
    """Return the check of the UDP port, not made: nobody could probe."""
    return Check(PORT, "unchecked", why, ADVICE)


def of_probe(peer: str | None, answer: Answer | None, endpoint: str) -> Check:
    """Return the check that the UDP port answers, proven by a handshake as `peer` (None: no peer was safe)."""
    name = PORT
    if peer is None or answer is None:
        return unprobed("no peer is safe to probe as: each may be in use by its owner")
    if answer.answered:
        words = "handshake" if answer.kind == "handshake" else "answer under load"
        return Check(name, "ok", f"{endpoint}: {words} as {peer} in {answer.milliseconds:.0f} ms")
    advice = (
        "is the router's port forwarded to the container, does Proxmox VE's firewall let it in (listen_sources), "
        "and is this machine outside the VPN? wgvpn doctor --via 'ssh HOST wgvpn probe -' probes from another"
    )
    return Check(name, "failed", f"{endpoint}: {answer.reason or 'no answer within 5 s'} (as {peer})", advice)
