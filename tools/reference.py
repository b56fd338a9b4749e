"""Write docs/reference/config.md from the settings model: `python -m tools.reference [--check]`.

Keys, defaults, rules, environment variables and secrets come from `vpn.settings`; what a key means, from the config
block of Pulumi.yaml. A rule's text is what the model answers to a value that no rule accepts.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import PydanticUndefined

from vpn.settings.build import SECRET_KEYS
from vpn.settings.peers import AllowRule, GroupSettings, PeerSettings
from vpn.settings.sections import Container, Firewall, Interface, Keys, Proxmox, Route, Routing, Section, Ssh
from vpn.settings.settings import People
from vpn.settings.systems import NetBox, Pbs, Zabbix

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs/reference/config.md"
SECTIONS: Final[dict[str, type[Section]]] = {
    "Container": Container,
    "Proxmox VE": Proxmox,
    "WireGuard interface": Interface,
    "Routing": Routing,
    "Firewall": Firewall,
    "The way to the server": Ssh,
    "Keys": Keys,
    "Peers": People,
    "NetBox": NetBox,
    "Zabbix": Zabbix,
    "Proxmox Backup Server": Pbs,
}
OBJECTS: Final[dict[str, type[Section]]] = {
    "An entry of `peers`": PeerSettings,
    "An entry of `groups`": GroupSettings,
    "An entry of `allow`": AllowRule,
    "An entry of `routes`": Route,
}
MEANINGS: Final = {
    "name": "Name of the peer, unique",
    "public_key": "The peer's public key, where its admin keeps the private one; without it the stack makes the pair",
    "private_key": "The peer's private key, where one is taken over from another server",
    "preshared_key": "A second, symmetric key: none, made by the stack, or given",
    "allowed_ips": "Addresses of the peer in the VPN subnet; without them one is allocated",
    "site_networks": "Networks behind the peer that the server reaches through it",
    "endpoint": "Where the server dials the peer; without it the peer dials",
    "persistent_keepalive": "Seconds between packets that keep a NAT open; 25 where nothing else is said",
    "group": "Group whose values apply where the peer has none of its own",
    "tunnel": "What the client sends into the tunnel: its routes alone (split, the default), or everything",
    "client_routes": "Networks the client sends into a split tunnel; those of `routes` where nothing else is said",
    "dns": "Name servers and search domains of the client",
    "mtu": "MTU of the client's interface",
    "expires_at": "When the peer's access ends; the server enforces it by itself",
    "disabled": "The peer is refused, its keys and address are kept",
    "allow": "The only destinations the server lets the peer reach; without it all routes",
    "key_generation": "Raise it to rotate the peer's key",
    "preshared_key_generation": "Raise it to rotate the preshared key",
    "rotation_policy": "Rotation of this peer's keys, instead of the stack's",
    "network": "Destination",
    "protocol": "Protocol",
    "ports": "Ports and port ranges, with tcp or udp; none: all",
    "destination_network": "Network behind the server",
    "source_network": "Where the traffic comes from: the VPN subnet",
    "gateway": "Router on the way to a network that is not part of the container's own (or the server's VPN address)",
    "route_type": "static: the server sets the route; dynamic: something else does",
    "metric": "Metric of the route that the server sets; it sets one where a static route has a gateway of its own",
}
"""What the keys of nested objects mean: Pulumi.yaml describes the outer ones."""
OF_OBJECTS: Final = {"tuple_type": "a list of objects", "dict_type": "a mapping of names to objects"}
"""The rule of a key that holds objects, by how pydantic refuses what is none of it."""
HEAD: Final = """# Configuration

<!-- Made by `python -m tools.reference`; do not edit. -->

All keys are flat, in the namespace `wireguard-vpn`: `pulumi config set memory_mb 2048`. Where an environment variable
is named, it supplies the value when the configuration has none. A key with a lock is a secret and refused in plaintext:
`pulumi config set --secret netbox_token`. *Data model N* in a rule is section N of [the data model](../data-model.md).

Everything is checked before anything is called, every problem is reported at once, and unknown keys are refused.
Across keys: the file is the one wg-quick reads for the interface; the VPN subnet and the peers' site networks overlap
neither each other nor the container's network, the routes and the DMZ; nothing leads to the DMZ; routes to one network
have different metrics; the container's name servers, the jump host, the Zabbix server, the APIs and the endpoints are
outside the VPN subnet, as far as addresses name them; allowed IPs are unique, inside the VPN subnet, and not the
server's own; a public key belongs to its private key; each system that is switched on has its address, token and
place; retention keeps something. With `ip_address: dhcp` nobody knows the container's network beforehand: its address
alone is held to lie neither in the VPN subnet nor in the DMZ, as soon as it is known.

The peers file holds no secret: keys that come from elsewhere go into `given_keys`. A `peers_file` other than
`peers.yaml` must exist; without `peers.yaml` there are no peers but those of the stack's configuration. A file
that had peers and is gone stops the preview: to remove all of them, let `peers: []` stand in it.
"""


def page() -> str:
    """Return the whole page."""
    block = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())["config"]
    meanings = {key: each["description"] for key, each in block.items()}
    parts = [HEAD]
    for title, section in SECTIONS.items():
        parts.append(f"## {title}\n\n{_told(section)}\n\n{_table(section, meanings, section.environment)}")
    for title, section in OBJECTS.items():
        parts.append(f"## {title}\n\n{_told(section)}\n\n{_table(section, MEANINGS, {})}")
    return "\n".join(parts)


def _told(section: type[Section]) -> str:
    return " ".join((section.__doc__ or "").split())


def _table(section: type[Section], meanings: dict[str, str], environment: dict[str, str]) -> str:
    lines = ["| Key | Meaning | Default | Rule |", "| --- | --- | --- | --- |"]
    for key, field in section.model_fields.items():
        variable = environment.get(key, "")
        meaning = meanings[key] + (f"; else `{variable}`" if variable not in meanings[key] else "")
        marked = f"`{key}`" + (" 🔒" if key in SECRET_KEYS else "")
        lines.append("| " + " | ".join(map(_cell, (marked, meaning, _default(field), rule(section, key)))) + " |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _default(field: Any) -> str:
    value = field.get_default(call_default_factory=True)
    if value is PydanticUndefined:
        return "required"
    if value is None or value in ("", (), {}):
        return ""
    return f"`{_plain(value)}`"


def _plain(value: Any) -> str:
    """Return a value as the configuration would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, BaseModel):
        own = {key: each for key, each in value.model_dump(exclude_defaults=True).items() if each is not None}
        return "{" + ", ".join(f"{key}: {_plain(each)}" for key, each in own.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return "…" if isinstance(value, SecretStr) else str(value)


def rule(section: type[Section], key: str) -> str:
    """Return the rule of a key, as the model says it when it refuses a value."""
    wrong = object()
    for prefix, bad in (("", wrong), ("each ", [wrong]), ("each ", {"a": wrong})):
        for message in _refusals(section, key, bad):
            return prefix + message.removeprefix("Value error, ").removeprefix("must ").removeprefix("be ")
    (kind,) = (each["type"] for each in _errors(section, key, wrong))
    return OF_OBJECTS[kind]


def _refusals(section: type[Section], key: str, bad: object) -> Iterator[str]:
    return (each["msg"] for each in _errors(section, key, bad) if each["msg"].startswith("Value error"))


def _errors(section: type[Section], key: str, bad: object) -> list[Any]:
    try:
        section.model_validate({key: bad})
    except ValidationError as error:
        return [each for each in error.errors() if each["loc"][0] == key]
    return []


def main(arguments: list[str]) -> int:
    """Write the page; with `--check` only tell whether it is up to date."""
    text = page()
    if "--check" in arguments:
        return int(not PAGE.exists() or PAGE.read_text() != text)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
