"""A client file (wg-quick(8)) as far as a handshake needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

from vpn.errors import ParseError
from vpn.inifile import Section, sections
from vpn.keys import check_key
from vpn.settings import split_endpoint


@dataclass(frozen=True)
class ClientFile:
    """Who shakes hands with whom, and where. `preshared_key` is None when there is none."""

    private_key: str = field(repr=False)
    server_key: str
    host: str
    port: int
    preshared_key: str | None = field(default=None, repr=False)


def read(text: str) -> ClientFile:
    """Return what a client file says. Raise ParseError when it lacks keys or endpoint; never with the text itself."""
    found = sections(text)
    interface, peer = _one(found, "interface"), _one(found, "peer")
    preshared = _value(peer, "presharedkey")
    try:
        host, port = split_endpoint(_value(peer, "endpoint") or "")
    except ValueError:
        raise ParseError("the client file has no endpoint that is host:port", peer.line) from None
    return ClientFile(
        private_key=_key(interface, "privatekey"),
        server_key=_key(peer, "publickey"),
        host=host,
        port=port,
        preshared_key=check_key(preshared) if preshared else None,
    )


def _one(found: list[Section], name: str) -> Section:
    matching = [section for section in found if section.name == name]
    if len(matching) != 1:
        raise ParseError(f"a client file has exactly one [{name.capitalize()}] section")
    return matching[0]


def _value(section: Section, key: str) -> str | None:
    return next((entry.value for entry in section.entries if entry.key == key), None)


def _key(section: Section, key: str) -> str:
    value = _value(section, key)
    try:
        return check_key(value or "")
    except ParseError:
        raise ParseError(f"the client file has no valid {key}: does the peer keep its own?", section.line) from None
