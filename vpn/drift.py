"""What on the server differs from what it should be, in a person's words, by peer name and file."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from vpn.expectation import Expectation, ExpectedFile

LINK_LOCAL: Final = re.compile("fe[89ab]")
"""How an address in fe80::/10 begins: every interface that is up may have one by itself."""


def compare(expected: Expectation, facts: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the findings, none when the server is as expected.

    `facts` is what `observe` printed (templates/server/README.md). `{"unreachable": "why"}` is a finding of its own.
    """
    if "unreachable" in facts:
        return (f"the server cannot be observed: {facts['unreachable']}",)
    return (
        *_files(expected.files, facts["files"]),
        *_config(expected, facts["config"]),
        *_runtime(expected, facts["runtime"]),
        *_units(expected, facts["units"]),
        *_sysctls(expected, facts["sysctl"]),
        *_firewall(facts["firewall"]),
        *(f"package {name} is not installed" for name in expected.packages if name not in facts["packages"]),
    )


def _files(expected: Mapping[str, ExpectedFile], found: Mapping[str, Any]) -> Iterator[str]:
    for path, wanted in expected.items():
        if path not in found:
            yield f"{path} is gone"
            continue
        own = found[path]
        if own["mode"] != wanted.mode:
            yield f"{path} has mode {own['mode']} instead of {wanted.mode}"
        if own["owner"] != wanted.owner:
            yield f"{path} belongs to {own['owner']} instead of {wanted.owner}"
        if wanted.digest is not None and own.get("digest") != wanted.digest:
            yield f"{path} was changed"


def _config(expected: Expectation, found: Mapping[str, Any]) -> Iterator[str]:
    # A missing file is told among the files.
    if found.get("digest") not in (None, expected.config_digest):
        yield f"the configuration file of {expected.interface} was changed"


def _runtime(expected: Expectation, found: Mapping[str, Any] | None) -> Iterator[str]:
    if not found:
        yield f"the interface {expected.interface} is down"
        return
    if found["public_key"] != expected.public_key:
        yield f"{expected.interface} runs with another key"
    if int(found["listen_port"]) != expected.listen_port:
        yield f"{expected.interface} listens on port {int(found['listen_port'])} instead of {expected.listen_port}"
    yield from _ways(expected, found)
    peers = tuple(_peers(expected, found))
    yield from peers
    if not peers and found["digest"] != expected.runtime_digest:
        yield f"{expected.interface} runs with other settings than configured (preshared key, keepalive or port)"


def _ways(expected: Expectation, found: Mapping[str, Any]) -> Iterator[str]:
    """Yield addresses and routes that are missing, what goes into the tunnel unasked, and another MTU.

    Scripts and states of earlier versions know less.
    """
    for address in expected.addresses:
        if address not in found.get("addresses", expected.addresses):
            yield f"{expected.interface} does not have its address {address}"
    if expected.addresses:
        yield from _unknown_addresses(expected, found.get("addresses", ()))
    mtu = int(found.get("mtu", expected.mtu or 0))
    if expected.mtu and mtu != expected.mtu:
        yield f"{expected.interface} has MTU {mtu} instead of {expected.mtu}"
    if expected.routes is not None:
        yield from _routes(expected.interface, expected.routes, found.get("routes", expected.routes))
    present = found.get("static_routes", expected.static_routes)
    yield from (f"the route to {each} is gone" for each in expected.static_routes if each not in present)


def _unknown_addresses(expected: Expectation, present: Collection[str]) -> Iterator[str]:
    for address in present:
        if address not in expected.addresses and not LINK_LOCAL.match(address):
            yield f"an unknown address {address} is on {expected.interface}"


def _routes(interface: str, expected: Collection[str], present: Collection[str]) -> Iterator[str]:
    yield from (f"the route to {each} through {interface} is gone" for each in expected if each not in present)
    yield from (f"an unknown route to {each} leads into {interface}" for each in present if each not in expected)


def _peers(expected: Expectation, found: Mapping[str, Any]) -> Iterator[str]:
    running = {each["public_key"]: tuple(each["allowed_ips"]) for each in found["peers"]}
    for peer in expected.peers:
        ips = running.pop(peer.public_key, None)
        if ips is None:
            yield f"peer {peer.name} is missing on the interface"
        elif ips != peer.allowed_ips:
            yield f"peer {peer.name} has other allowed IPs on the interface: {', '.join(ips) or 'none'}"
    yield from (f"unknown peer {key} is on the interface" for key in sorted(running))


def _units(expected: Expectation, found: Mapping[str, Any]) -> Iterator[str]:
    for unit in expected.units:
        own = found.get(unit, {})
        active, enabled = own.get("active") or "unknown", own.get("enabled") or "unknown"
        if active != "active":
            yield f"{unit} is {active}"
        if enabled != "enabled":
            yield f"{unit} is {enabled} at boot"


def _sysctls(expected: Expectation, found: Mapping[str, Any]) -> Iterator[str]:
    for name, wanted in expected.sysctls.items():
        if found.get(name) != wanted:
            yield f"{name} is {found.get(name) or 'unknown'} instead of {wanted}"


def _firewall(found: Mapping[str, Any]) -> Iterator[str]:
    if found.get("digest") is None:
        yield "the firewall rules are not loaded"
    elif found["digest"] != found.get("recorded"):
        yield "the firewall rules were changed"
