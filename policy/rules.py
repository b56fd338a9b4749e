"""The rules, as pure functions: a resource (or all of them) in, sentences about what is wrong out.

No sentence holds a secret, or any value of a property that may be one.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any, Final

from policy import resources as r
from policy.resources import Resource, opened
from policy.rule import Limits, ResourceRule, StackRule
from policy.secret_rules import secrets_marked

Network = IPv4Network | IPv6Network
NARROWEST_WILDCARD: Final = {4: 7, 6: 6}
"""Prefix lengths by family: what is this wide or wider holds more than any private range (RFC 1918, RFC 4193).

The program's settings refuse the same; a test holds the two equal.
"""
EMBEDDING: Final = tuple(IPv6Network(each) for each in ("64:ff9b::/96", "::ffff:0:0/96", "2002::/16"))
"""The prefixes with an IPv4 address right behind them: of NAT64 (RFC 6052), IPv4-mapped (RFC 4291) and 6to4 (RFC 3056).

The program's settings know the same; a test holds the two equal.
"""


def unprivileged(container: Resource, _: Limits) -> Iterator[str]:
    """Root in the container is nobody on the node (data model: infrastructure constraints)."""
    if container.props.get("unprivileged") is not True:
        yield "must be unprivileged"


def nesting_only(container: Resource, _: Limits) -> Iterator[str]:
    """Nothing of the node reaches into the container, and no feature but nesting is on."""
    features = container.props.get("features") or {}
    if not features.get("nesting"):
        yield "must have the feature nesting: systemd and network operations need it"
    for name in sorted(key for key, value in features.items() if value and key != "nesting"):
        yield f"must not have the feature {name}"
    for name, what in _FOREIGN.items():
        if container.props.get(name):
            yield f"must not have {what}"
    for device in container.props.get("devicePassthroughs") or ():
        if device.get("path") != TUN:
            yield f"must not have the node's device {device.get('path')}"


TUN: Final = "/dev/net/tun"
"""What root on the node gives a container whose WireGuard runs in userspace; it reaches nothing of the node."""
RENEWED: Final = frozenset({"wireguard", "preshared"})
"""Kinds of keys that are rotated: the stack's login, the agent's key and the owner's id have no generation to raise."""
_FOREIGN: Final = {
    "mountPoints": "mount points",
    "template": "the mark of a template",
    "idmaps": "an id map of its own",
    "hookScriptFileId": "a hook script on the node",
}


def interface_is_filtered(container: Resource, _: Limits) -> Iterator[str]:
    """Proxmox VE filters an interface only if its own switch is on, too."""
    for nic in container.props.get("networkInterfaces") or ():
        if nic.get("firewall") is not True:
            yield f"must have the firewall switch on at {nic.get('name', 'its interface')}"


def default_drop(options: Resource, _: Limits) -> Iterator[str]:
    """Drop what no rule accepts."""
    if options.props.get("enabled") is not True:
        yield "must be enabled"
    if options.props.get("inputPolicy") != "DROP":
        yield "must have the input policy DROP"


def firewall_narrow(rules: Resource, _: Limits) -> Iterator[str]:
    """Every rule that lets in names a port, and over TCP who may use it; WireGuard answers nobody without a key."""
    for rule in rules.props.get("rules") or ():
        if (rule.get("type"), rule.get("action"), rule.get("enable")) != ("in", "ACCEPT", "1"):
            continue
        proto, what = rule.get("proto", ""), f"the rule {rule.get('comment') or 'without a comment'}"
        if not rule.get("dport") and "icmp" not in proto:
            yield f"{what} must name the ports it lets in"
        if proto != "udp" and "icmp" not in proto and _is_anywhere(str(rule.get("source", ""))):
            yield f"{what} must name the networks it lets in, none of them everything"


def _is_anywhere(source: str) -> bool:
    """Whether a rule's source leaves out nobody; what is no network, as a name of an IP set, counts as narrow."""
    if not source:
        return True
    for each in source.split(","):
        with suppress(ValueError):
            if _is_wildcard(ip_network(each.strip(), strict=False)):
                return True
    return False


def _is_wildcard(network: Network) -> bool:
    return network.prefixlen <= NARROWEST_WILDCARD[network.version]


def firewall_present(resources: Sequence[Resource], _: Limits) -> Iterator[str]:
    """Demand a firewall for the container."""
    if _of(resources, r.CONTAINER) and not _of(resources, r.FIREWALL_OPTIONS):
        yield "the container has no Proxmox VE firewall: proxmox_firewall is false"


def no_wildcard(server: Resource, _: Limits) -> Iterator[str]:
    """Each peer's allowed IPs are its own addresses and sites (data model: access control)."""
    for name, network in _allowed_ips(server):
        if _is_wildcard(network):
            yield f"peer {name} must not have the allowed IPs {network}: that is everything"


def dmz_unreachable(resources: Sequence[Resource], limits: Limits) -> Iterator[str]:
    """No route and no peer's site leads to the DMZ, and the server knows what to cut off (data model 7)."""
    dmz = [ip_network(each) for each in limits.dmz_networks]
    for config in _of(resources, r.CONFIG):
        yield from _config_cuts_off(config, dmz)
    for server in _of(resources, r.SERVER):
        for name, network in _allowed_ips(server):
            if _touches(network, dmz):
                yield f"peer {name} must not bring in {network}: it touches the DMZ"
    if not _of(resources, r.CONFIG):
        yield "the routes cannot be seen, so nothing can be said of the DMZ"


def key_age(keyring: Resource, limits: Limits) -> Iterator[str]:
    """Keys are renewed in time; one that another administrator keeps is not seen here (data model: key management)."""
    public = opened(keyring.props.get("public")) or {}
    # A state's outputs are of the last change of keys; another limit alone is in its inputs.
    requests = opened({**keyring.props, **keyring.inputs}.get("requests")) or ()
    wanted = {each["name"]: each for each in requests if each.get("kind") in RENEWED}
    for name, entry in sorted((name, public[name]) for name in wanted.keys() & public.keys()):
        own = wanted[name]["max_age_days"]
        most = min((int(each) for each in (own, limits.max_key_age_days) if each), default=None)
        age = (limits.now - dt.datetime.fromisoformat(entry["generated"])).days
        if most is not None and age > most:
            yield f"key {name} is {age} days old, {most} are allowed: raise its key_generation"


def protected(resource: Resource, _: Limits) -> Iterator[str]:
    """Keep a slip of the hand from deleting container or keys."""
    if not resource.protect:
        yield "must be protected: set protect to true"


def backed_up(resources: Sequence[Resource], _: Limits) -> Iterator[str]:
    """Demand a backup job for the container: without one there is nothing to restore."""
    jobs = _of(resources, r.BACKUP)
    if not jobs:
        yield "the container is in no backup schedule: pbs_enabled is false"
    # Before the first `up` nothing is covered yet, and the apply itself refuses to end so; a state tells the truth.
    if any(job.marks and not job.props.get("covered_by") for job in jobs):
        yield "no backup job covers the container"


def monitored(resources: Sequence[Resource], _: Limits) -> Iterator[str]:
    """Demand that somebody is told when the server is ill."""
    hosts = _of(resources, r.MONITORING)
    if not hosts:
        yield "the server is not monitored: zabbix_enabled is false"
    if any(host.props.get("enabled") is False for host in hosts):
        yield "the server's host in Zabbix is disabled"


def _of(resources: Iterable[Resource], kind: str) -> list[Resource]:
    return [each for each in resources if each.type == kind and not each.leaving]


def _allowed_ips(server: Resource) -> Iterator[tuple[str, Network]]:
    """Yield the networks each peer may send from, as the server is expected to have them."""
    for peer in (opened(server.props.get("expectation")) or {}).get("peers") or ():
        for text in peer["allowed_ips"]:
            yield peer["name"], ip_network(text)


def _config_cuts_off(config: Resource, dmz: Sequence[Network]) -> Iterator[str]:
    cut = [ip_network(each) for each in _listed(config, "dmz_networks")]
    for network in dmz:
        if not any(network.version == each.version and network.subnet_of(each) for each in cut):  # type: ignore[arg-type]
            yield f"dmz_networks must hold the DMZ {network}: the server does not cut it off"
    for route in _listed(config, "routes"):
        destination = ip_network(route["destination_network"])
        if _touches(destination, [*dmz, *cut]):
            yield f"routes must not lead to {destination}: it touches the DMZ"


def _listed(config: Resource, key: str) -> list[Any]:
    """Return a list of the configuration, which Pulumi keeps as JSON text."""
    return list(opened(config.props.get(f"wireguard-vpn:{key}")) or [])


def _touches(network: Network, others: Iterable[Network]) -> bool:
    """Tell whether a network, or the IPv4 one that it stands for, shares an address with one of the others."""
    meant = (network, *_embedded(network))
    return any(one.version == each.version and one.overlaps(each) for each in others for one in meant)


def _embedded(network: Network) -> Iterator[Network]:
    """Yield the IPv4 network that an IPv6 one embeds; out of one wider than the prefixes the server cuts the DMZ."""
    for prefix in EMBEDDING:
        if isinstance(network, IPv6Network) and network.subnet_of(prefix):
            address = int(network.network_address) >> (96 - prefix.prefixlen) & 0xFFFFFFFF
            yield IPv4Network((address, min(32, network.prefixlen - prefix.prefixlen)))


RULES: Final[tuple[ResourceRule | StackRule, ...]] = (
    ResourceRule("unprivileged", "The container is unprivileged", "mandatory", r.CONTAINER, unprivileged),
    ResourceRule("nesting-only", "The container has no feature but nesting", "mandatory", r.CONTAINER, nesting_only),
    ResourceRule(
        "interface-filtered", "The container's interface is filtered", "mandatory", r.CONTAINER, interface_is_filtered
    ),
    ResourceRule("default-drop", "The firewall drops by default", "mandatory", r.FIREWALL_OPTIONS, default_drop),
    ResourceRule(
        "firewall-narrow", "The firewall lets in ports, not everything", "mandatory", r.FIREWALL_RULES, firewall_narrow
    ),
    StackRule("firewall-present", "The container has a firewall", "mandatory", firewall_present),
    ResourceRule("no-wildcard", "No peer's allowed IPs are everything", "mandatory", r.SERVER, no_wildcard),
    StackRule("dmz-unreachable", "The DMZ is out of reach", "mandatory", dmz_unreachable),
    # To refuse a run over an old key would also refuse the run that revokes a stolen one.
    ResourceRule("key-age", "Keys are renewed in time", "advisory", r.KEYRING, key_age),
    StackRule("secrets-marked", "Secrets are encrypted in state", "mandatory", secrets_marked),
    ResourceRule("container-protected", "The container is protected", "production", r.CONTAINER, protected),
    ResourceRule("keys-protected", "The keys are protected", "production", r.KEYRING, protected),
    StackRule("backed-up", "The container is backed up", "production", backed_up),
    StackRule("monitored", "The server is monitored", "production", monitored),
)
