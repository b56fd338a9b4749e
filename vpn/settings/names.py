"""Text types of the configuration: names, hosts, URLs, schedules, with the source of each rule."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Annotated
from urllib.parse import urlsplit

from vpn import calendar_event
from vpn.errors import ParseError
from vpn.settings.ip import address, interface4
from vpn.settings.types import checked, matching

LABEL = r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)"
_HOST = re.compile(rf"{LABEL}(\.{LABEL})*")
_ENDPOINT = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\[\]:]+):(?P<port>\d{1,5})")
MAX_PORT = 65535
MAX_DOMAIN = 253

# A name goes into comments, chain names, DNS-like records and file names: nothing in it may need escaping anywhere.
PeerName = Annotated[
    str,
    matching(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}",
        "must start with a letter or digit and hold at most 63 letters, digits, '.', '_' or '-'",
    ),
]
Hostname = Annotated[str, matching(LABEL, "must be a host name label: 1-63 letters, digits, hyphens (RFC 1123)")]
InterfaceName = Annotated[
    str, matching(r"[A-Za-z][A-Za-z0-9_.-]{0,14}", "must be an interface name of at most 15 characters (wg-quick(8))")
]
Identifier = Annotated[
    str, matching(r"[A-Za-z0-9][A-Za-z0-9._-]*", "must be a Proxmox identifier: letters, digits, '.', '_', '-'")
]
Text = Annotated[str, matching(r"[^\x00-\x1f\x7f]{1,200}", "must be a line of 1 to 200 printable characters")]
Namespace = Annotated[
    str,
    matching(
        r"([A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*){0,6})?",
        "must be a PBS namespace: up to 7 parts of letters, digits, '.', '_', '-', separated by '/'",
    ),
]
Fingerprint = Annotated[
    str,
    matching(r"([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}", "must be a SHA-256 fingerprint: 32 hex pairs separated by ':'"),
]
Sha512 = Annotated[str, matching(r"[0-9a-f]{128}", "must be a SHA-512 checksum: 128 lower-case hex digits")]
FileName = Annotated[str, matching(r"[A-Za-z0-9][A-Za-z0-9._+-]*", "must be a plain file name")]
AbsolutePath = Annotated[
    str,
    matching(
        r"/([A-Za-z0-9._+-]+/)*[A-Za-z0-9._+-]+", "must be an absolute path of plain names, as /etc/wireguard/wg0.conf"
    ),
]
LocalPath = Annotated[str, matching(r"[^\x00-\x1f\x7f]+", "must be a path")]
HostKey = Annotated[
    str,
    matching(
        r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)) [A-Za-z0-9+/]{40,}={0,2}( [^\x00-\x1f\x7f]*)?",
        "must be a public host key in authorized_keys form, as 'ssh-ed25519 AAAA…'",
    ),
]


def domain(value: object) -> str:
    """DNS name of dot-separated labels (RFC 1123)."""
    if not _is_domain(value):
        message = "must be a DNS name: labels of letters, digits, hyphens, separated by dots (RFC 1123)"
        raise ValueError(message)
    return str(value)


def _is_domain(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MAX_DOMAIN and bool(_HOST.fullmatch(value))


def host(value: object) -> str:
    """DNS name or IP address, without brackets. A name of digits and dots alone is a broken address."""
    try:
        return str(address(value))
    except ValueError:
        if _is_domain(value) and not re.fullmatch(r"[\d.]+", str(value)):
            return str(value)
    message = "must be a DNS name (RFC 1123) or an IP address"
    raise ValueError(message)


def split_endpoint(text: str) -> tuple[str, int]:
    """Return host (without brackets) and port of `host:port`. Raise ValueError when it is not one."""
    found = _ENDPOINT.fullmatch(text)
    port = int(found["port"]) if found else 0
    if not found or not 1 <= port <= MAX_PORT:
        message = "must be host:port, an IPv6 address in brackets, the port 1-65535 (data model 3)"
        raise ValueError(message)
    return host(found["host"].strip("[]")), port


def host_of(endpoint: str) -> str:
    """Return the host of an endpoint, whose port may be left out, as the server's own may."""
    try:
        return split_endpoint(endpoint)[0]
    except ValueError:
        return endpoint.strip("[]")


def join_endpoint(name: str, port: int) -> str:
    """Return `host:port`, an IPv6 address in brackets."""
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def endpoint(value: object) -> str:
    """`host:port`, IPv6 literals in brackets (data model 3)."""
    if not isinstance(value, str):
        message = "must be host:port (data model 3)"
        raise ValueError(message)
    return join_endpoint(*split_endpoint(value))


def public_endpoint(value: object) -> str:
    """Return what clients dial: `host` or `host:port`."""
    text = str(value)
    with suppress(ValueError):
        return endpoint(text)
    with suppress(ValueError):
        return join_host(host(text.strip("[]")))
    message = (
        "must be host or host:port, the host a DNS name or an IP address, in brackets where it is IPv6 with a port"
    )
    raise ValueError(message)


def join_host(name: str) -> str:
    """Return a host as it stands before a port: an IPv6 address in brackets."""
    return f"[{name}]" if ":" in name else name


def url(value: object) -> str:
    """HTTPS address of an API, without credentials in it."""
    rule = "must be an https:// address without user name or password"
    try:
        parts = urlsplit(value if isinstance(value, str) else "")
        fine = parts.scheme == "https" and parts.hostname and "@" not in parts.netloc and (parts.port or 1)
    except ValueError:
        raise ValueError(rule) from None
    if not fine or re.search(r"[\x00-\x20]", str(value)):
        raise ValueError(rule)
    return str(value).rstrip("/")


def download_url(value: object) -> str:
    """Address the node downloads from: http or https (the checksum vouches for the content)."""
    if not isinstance(value, str) or not re.fullmatch(r"https?://[^\s/@]+/[^\s@]+", value):
        message = "must be an http:// or https:// address of a file"
        raise ValueError(message)
    return value


def container_address(value: object) -> str:
    """Return `dhcp`, or the static IPv4 address with prefix."""
    if value == "dhcp":
        return "dhcp"
    try:
        return str(interface4(value))
    except ValueError as error:
        message = f"must be 'dhcp' or an IPv4 address with prefix: {error}"
        raise ValueError(message) from None


def dns_entry(value: object) -> str:
    """Name server's address or a search domain, as wg-quick's DNS takes them."""
    try:
        return host(value)
    except ValueError:
        message = "must be the address of a name server or a search domain (wg-quick(8))"
        raise ValueError(message) from None


def schedule(value: object) -> str:
    """Calendar event as Proxmox VE and PBS read it."""
    try:
        return calendar_event.check(value if isinstance(value, str) else "")
    except ParseError as error:
        raise ValueError(str(error)) from None


Domain = Annotated[str, checked(domain)]
Host = Annotated[str, checked(host)]
Endpoint = Annotated[str, checked(endpoint)]
PublicEndpoint = Annotated[str, checked(public_endpoint)]
Url = Annotated[str, checked(url)]
DownloadUrl = Annotated[str, checked(download_url)]
ContainerAddress = Annotated[str, checked(container_address)]
DnsEntry = Annotated[str, checked(dns_entry)]
Schedule = Annotated[str, checked(schedule)]
