"""What wg-quick(8) would do with a client's configuration file, told apart from what wg(8) does."""

import re
from dataclasses import dataclass, field

from lab.errors import PeerError

_QUICK = {"address", "dns", "mtu", "table", "preup", "postup", "predown", "postdown", "saveconfig"}
"""Keys of [Interface] that wg-quick keeps to itself; wg-quick(8)."""
MTU = 1420
"""wg-quick's choice on a link of 1500 bytes."""


@dataclass
class ClientConfig:
    """A client's configuration: its addresses, its routes, and the text wg(8) takes."""

    addresses: list[str] = field(default_factory=list)
    allowed_ips: list[str] = field(default_factory=list)
    mtu: int = MTU
    wg: str = ""
    keepalive: bool = False


def has_private_key(text: str) -> bool:
    """Tell whether the file can be used as it is: a peer that keeps its own key has a marked place in its stead."""
    return re.search(r"^\s*PrivateKey\s*=\s*[A-Za-z0-9+/]+=*\s*$", text, re.MULTILINE | re.IGNORECASE) is not None


def read(text: str) -> ClientConfig:
    """Read a client configuration; raises PeerError when something it needs is missing.

    DNS is left out: the peers of the lab share the machine's resolver, which stays untouched.
    """
    config, lines = ClientConfig(), []
    for raw in text.splitlines():
        line = raw.partition("#")[0].strip()
        key, _, value = (part.strip() for part in line.partition("="))
        if key.lower() not in _QUICK:
            lines.append(line)
        _take(config, key.lower(), value)
    config.wg = "\n".join(lines) + "\n"
    if not config.addresses or not config.allowed_ips:
        raise PeerError("the client configuration has no Address or no AllowedIPs")
    return config


def _take(config: ClientConfig, key: str, value: str) -> None:
    match key:
        case "address":
            config.addresses += _words(value)
        case "allowedips":
            config.allowed_ips += _words(value)
        case "mtu":
            config.mtu = int(value)
        case "persistentkeepalive":
            config.keepalive = value not in {"0", "off"}


def _words(value: str) -> list[str]:
    return [word for word in re.split(r"[,\s]+", value) if word]
