"""A stack that keeps every rule, as resources; tests break one thing at a time."""

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from policy import resources as r
from policy.resources import Resource
from policy.rule import Limits, ResourceRule
from policy.rules import RULES

NOW = dt.datetime(2027, 6, 1, tzinfo=dt.UTC)
LIMITS = Limits(NOW)
PUBLIC = "h5QiE6WuJBVozSnuVeoUWKQUeX7R1NjdbWBwyHwF3CA="
PRIVATE = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="


LET_IN = {"type": "in", "action": "ACCEPT", "enable": "1", "proto": "udp", "dport": "51820", "source": "0.0.0.0/0"}
SSH = {**LET_IN, "proto": "tcp", "dport": "22", "source": "192.168.0.0/16,fd00:a::/64"}


def urn(kind: str, name: str, stack: str = "prod") -> str:
    """Return the URN of a resource."""
    return f"urn:pulumi:{stack}::wireguard-vpn::{kind}::{name}"


def resource(kind: str, name: str, *, protect: bool = False, **props: Any) -> Resource:
    """Return a resource of the stack, its secrets left out as a state reader does."""
    return Resource(urn(kind, name), kind, props, protect=protect, marks=True)


def config(**values: Any) -> Resource:
    """Return the stack's configuration as the engine hands it to the dynamic providers."""
    return resource(r.CONFIG, "default", **{f"wireguard-vpn:{key}": value for key, value in values.items()})


def sound() -> dict[str, Resource]:
    """Return a stack without a fault, by resource name."""
    found = [
        config(
            dmz_networks=json.dumps(["172.16.10.0/24"]),
            routes=json.dumps([{"destination_network": "192.168.0.0/16"}]),
            netbox_token="",
        ),
        resource(
            r.KEYRING,
            "keyring",
            protect=True,
            requests=[
                {"name": "server", "kind": "wireguard", "max_age_days": 365.0},
                {"name": "psk/alice", "kind": "preshared", "max_age_days": None},
                {"name": "ssh", "kind": "ssh", "max_age_days": None},
            ],
            public={
                "server": {"public_key": PUBLIC, "generated": "2026-11-27T12:00:00+00:00"},
                "psk/alice": {"public_key": "", "generated": "2020-01-01T00:00:00+00:00"},
                "ssh": {"public_key": "ssh-ed25519 AAAA", "generated": "2020-01-01T00:00:00+00:00"},
            },
        ),
        resource(
            r.CONTAINER,
            "container",
            protect=True,
            unprivileged=True,
            features={"nesting": True, "fuse": False, "keyctl": False, "mounts": []},
            mountPoints=[],
            networkInterfaces=[{"name": "eth0", "firewall": True}],
        ),
        resource(r.FIREWALL_RULES, "firewall-rules", rules=[LET_IN, SSH, {**SSH, "proto": "icmp", "dport": ""}]),
        resource(r.FIREWALL_OPTIONS, "firewall-options", enabled=True, inputPolicy="DROP"),
        resource(
            r.SERVER,
            "server-state",
            expectation={
                "public_key": PUBLIC,
                "peers": [
                    {"name": "alice", "public_key": PUBLIC, "allowed_ips": ["10.8.0.2/32", "fd00:8::2/128"]},
                    {"name": "branch", "public_key": PUBLIC, "allowed_ips": ["10.8.0.3/32", "10.20.0.0/16"]},
                ],
            },
        ),
        resource(r.BACKUP, "backup", backup_job="own", backup={"vmid": "2090"}, covered_by=["wireguard-vpn-prod"]),
        resource(r.MONITORING, "monitoring", enabled=True),
    ]
    return {each.name: each for each in found}


def with_(name: str, **props: Any) -> list[Resource]:
    """Return the sound stack with some properties of one resource changed."""
    found = sound()
    changed: Mapping[str, Any] = {**found[name].props, **props}
    return [*{**found, name: replace(found[name], props=changed)}.values()]


def without(*names: str) -> list[Resource]:
    """Return the sound stack without some resources."""
    return [each for name, each in sound().items() if name not in names]


def peer(*allowed_ips: str) -> dict[str, Any]:
    """Return the expectation of a server with one peer."""
    return {"peers": [{"name": "mallory", "public_key": PUBLIC, "allowed_ips": [*allowed_ips]}]}


def said(rule: str, found: list[Resource], limits: Limits = LIMITS) -> list[str]:
    """Return what one rule says of a stack."""
    own = next(each for each in RULES if each.name == rule)
    if isinstance(own, ResourceRule):
        return [message for each in found if each.type == own.type for message in own.check(each, limits)]
    return [*own.check(found, limits)]
