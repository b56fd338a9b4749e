"""Foreign wg-quick files: made by hand, by Ansible roles, by pivpn, by wg-easy; told apart by their comments."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from ipaddress import IPv4Interface, ip_interface, ip_network
from typing import Any, Final, TypeVar

from vpn.errors import ParseError
from vpn.foreign.imported import Draft, Imported, fit_name
from vpn.inifile import Entry, Section, sections
from vpn.keys import check_key
from vpn.settings import IPNetwork
from vpn.settings.ip import zoneless
from vpn.settings.names import endpoint

Value = TypeVar("Value")

DISABLED: Final = "#[disabled] "
"""pivpn turns a client off by this mark before each of its lines; our export does the same."""
HOOKS: Final = ("preup", "postup", "predown", "postdown")
_NAMES: Final = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"#* ?begin (?P<name>.+?) ?#*",  # pivpn
        r"begin_peer (?P<name>\S+)",  # wireguard-install by Nyr
        r"client: (?P<name>.+?) \([^()]*\)",  # wg-easy
        r"#* ?client:? (?P<name>\S+)",  # wireguard-install
        r"(?:friendly_)?name ?[:=] ?(?P<name>.+)",  # Ansible roles, exporters, our own
    )
)
_EXPIRES = re.compile(r"expires = (\S+)", re.IGNORECASE)
_SETTING = re.compile(r"\w+\s*=")
_KEY_SHAPE = re.compile(r"[A-Za-z0-9+/]{43}=")
_ORIGINS: Final = (
    ("pivpn", re.compile(r"^(?:#\[disabled\] )?### begin .+ ###", re.MULTILINE)),
    ("wg-easy", re.compile(r"^# Client: .+ \(.+\)", re.MULTILINE)),
    ("ansible", re.compile(r"^#.*ansible", re.MULTILINE | re.IGNORECASE)),
)


def parse_conf(text: str) -> Imported:
    """Return what a wg-quick file amounts to. Raise ParseError when it is not one with a usable [Interface]."""
    lines = text.split("\n")
    off = {number for number, line in enumerate(lines, start=1) if line.startswith(DISABLED)}
    found = sections("\n".join(line.removeprefix(DISABLED) for line in lines))
    interfaces = [section for section in found if section.name == "interface"]
    if len(interfaces) != 1:
        raise ParseError("there must be exactly one [Interface] section (data model 5)")
    draft = Draft(next((name for name, pattern in _ORIGINS if pattern.search(text)), "hand-made"))
    _interface(draft, interfaces[0])
    for section in found:
        if section.name == "peer":
            _peer(draft, section, disabled=section.line in off)
        elif section.name != "interface":
            draft.report(f"section [{section.name}] is unknown and left out", section.line)
    return draft.finish()


def _interface(draft: Draft, section: Section) -> None:
    draft.config["save_config"] = False
    for entry in section.entries:
        if entry.key == "privatekey":
            draft.secrets["private_key"] = _key(entry)
        elif entry.key == "address":
            _addresses(draft, entry)
        elif entry.key in ("listenport", "mtu"):
            draft.config["listen_port" if entry.key == "listenport" else "mtu"] = _number(entry)
        elif entry.key == "saveconfig":
            draft.config["save_config"] = entry.value == "true"
        elif entry.key in HOOKS and entry.value:
            text = "is left out: forwarding, firewall and masquerading are the server's own here"
            draft.report(f"{entry.key} {text}", entry.line)
        elif entry.value and not (entry.key == "table" and entry.value in ("auto", "off")):
            draft.report(f"{entry.key} is left out: it cannot be represented", entry.line)
    if "private_key" not in draft.secrets:
        raise ParseError("the [Interface] section has no PrivateKey", section.line)
    if "address" not in draft.config:
        raise ParseError("the [Interface] section has no IPv4 Address", section.line)


def _addresses(draft: Draft, entry: Entry) -> None:
    for text in _items(entry.value):
        address = _network_value(ip_interface, text, entry)
        key = "address" if isinstance(address, IPv4Interface) else "address_ipv6"
        if key in draft.config:
            draft.report(f"address {address} is left out: one of each family can be represented", entry.line)
        else:
            draft.config[key] = str(address)


def _peer(draft: Draft, section: Section, *, disabled: bool) -> None:
    values = {entry.key: entry for entry in section.entries}
    if "publickey" not in values:
        raise ParseError("the [Peer] section has no PublicKey", section.line)
    public = _key(values["publickey"])
    if any(public == peer["public_key"] for peer in draft.peers):
        draft.report("the peer is left out: another one has its public key", section.line)
        return
    peer: dict[str, Any] = {"name": _name(draft, section), "public_key": public}
    _allowed_ips(draft, peer, [entry for entry in section.entries if entry.key == "allowedips"])
    _endpoint(draft, peer, values.get("endpoint"))
    keepalive = values.get("persistentkeepalive")
    peer["persistent_keepalive"] = 0 if keepalive is None or keepalive.value == "off" else _number(keepalive)
    _state(peer, section, disabled=disabled)
    preshared = values.get("presharedkey")
    draft.add_peer(peer, {"preshared_key": _key(preshared) if preshared else None})
    for key, entry in values.items():
        if key not in ("publickey", "presharedkey", "allowedips", "endpoint", "persistentkeepalive"):
            draft.report(f"peer {peer['name']}: {key} is left out: it cannot be represented", entry.line)


def _state(peer: dict[str, Any], section: Section, *, disabled: bool) -> None:
    comments = (*section.comments, *section.after)
    expires = next((found[1] for each in comments if (found := _EXPIRES.fullmatch(each))), None)
    if expires:
        peer["expires_at"] = expires
    if disabled:
        peer["disabled"] = True


def _name(draft: Draft, section: Section) -> str:
    wanted = _wanted_name(section)
    name = fit_name(wanted or f"peer-{len(draft.peers) + 1}", (peer["name"] for peer in draft.peers))
    if wanted is None:
        draft.report(f"the peer has no name in the file and is called {name}", section.line)
    elif name != wanted:
        draft.report(f"peer {wanted!r} is called {name}", section.line)
    return name


def _wanted_name(section: Section) -> str | None:
    """Return the name that the comments give a peer: in a known form, else the first comment that is no setting.

    Comments count that stand inside the section or right before it: one after its entries is about something else. A
    key, as of a setting that is commented out, gives no name: it may be a secret.
    """
    comments = [each for each in (*section.comments, *reversed(section.before)) if not _KEY_SHAPE.search(each)]
    for pattern in _NAMES:
        for comment in comments:
            if found := pattern.fullmatch(comment):
                return found["name"]
    return next((each for each in comments if re.search(r"\w", each) and not _SETTING.match(each)), None)


def _allowed_ips(draft: Draft, peer: dict[str, Any], entries: Iterable[Entry]) -> None:
    own: list[str] = []
    sites: list[str] = []
    for entry in entries:
        for text in _items(entry.value):
            network = _network_value(lambda each: ip_network(each, strict=False), text, entry)
            place = _place(draft, network)
            if place == "":
                draft.report(f"peer {peer['name']}: allowed IPs {network} are left out: {_WHY}", entry.line)
            else:
                (own if place == "allowed_ips" else sites).append(str(network))
    if own:
        peer["allowed_ips"] = own
    else:
        draft.report(f"peer {peer['name']}: has no address of the VPN subnet, one will be allocated")
    if sites:
        peer["site_networks"] = sites


_WHY: Final = "they cover everything, or the server's own address"


def _place(draft: Draft, network: IPNetwork) -> str:
    """Return the key that represents an allowed IP; none for a wildcard or what holds the server itself."""
    servers = [ip_interface(draft.config[key]) for key in ("address", "address_ipv6") if key in draft.config]
    same = [each for each in servers if each.version == network.version]
    if network.prefixlen == 0 or any(each.ip in network for each in same):
        return ""
    return "allowed_ips" if any(network.network_address in each.network for each in same) else "site_networks"


def _endpoint(draft: Draft, peer: dict[str, Any], entry: Entry | None) -> None:
    if entry is None:
        return
    if draft.config["save_config"] and "site_networks" not in peer:
        text = "is left out: with SaveConfig it is only where the peer was last seen"
        draft.report(f"peer {peer['name']}: endpoint {entry.value} {text}", entry.line)
        return
    try:
        peer["endpoint"] = endpoint(entry.value)
    except ValueError:
        draft.report(f"peer {peer['name']}: the endpoint is left out: it is not host:port", entry.line)


def _items(value: str) -> list[str]:
    return [item.strip() for item in value.split(",") if item.strip()]


def _network_value(read: Callable[[str], Value], text: str, entry: Entry) -> Value:
    try:
        return read(zoneless(text))
    except ValueError:
        raise ParseError(f"{entry.key} is not an IP network", entry.line) from None


def _key(entry: Entry) -> str:
    try:
        return check_key(entry.value)
    except ParseError as error:
        raise ParseError(f"{entry.key} {error}", entry.line) from None


def _number(entry: Entry) -> int:
    if not entry.value.isascii() or not entry.value.isdigit():
        raise ParseError(f"{entry.key} is not a number", entry.line)
    return int(entry.value)
