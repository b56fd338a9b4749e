"""The server's configuration file (data model 5, wg-quick(8)): rendered and parsed; reduced to what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface, ip_network
from typing import Any, Final

from vpn import rendering
from vpn.canonical import canonical_text, digest_text
from vpn.errors import ParseError
from vpn.inifile import Entry, Section, sections
from vpn.keys import check_key
from vpn.network import Network, Peer, Route
from vpn.settings import NIC, IPInterface, IPNetwork
from vpn.settings.ip import zoneless
from vpn.settings.names import endpoint

NAME_KEY: Final = "Name"
ROUTES_FILE: Final = "/etc/wireguard-vpn/routes"
"""Routes of site networks. In a file, not in PostUp lines, so that a new site is a change of peers, not a restart."""

DEFAULT_MTU: Final = 1420
"""MTU of the server's interface where none is given: 1500 less the 80 bytes of WireGuard over IPv6 (wg-quick(8)).

Always said: wg-quick would ask for the route to each endpoint that was kept, 4 s for 1,000 peers at every start.
"""


@dataclass(frozen=True, slots=True)
class WgPeer:
    """One [Peer] section. `name` stands in a comment; `keepalive` is in seconds, 0 when off."""

    public_key: str
    allowed_ips: tuple[IPNetwork, ...] = ()
    preshared_key: str | None = field(default=None, repr=False)
    endpoint: str | None = None
    keepalive: int = 0
    name: str = ""


@dataclass(frozen=True)
class WgConf:
    """A whole configuration: its one [Interface] section and its peers. `table`, `mtu` None: wg-quick decides."""

    private_key: str = field(repr=False)
    addresses: tuple[IPInterface, ...] = ()
    listen_port: int | None = None
    mtu: int | None = None
    table: str | None = None
    save_config: bool = False
    post_up: tuple[str, ...] = ()
    post_down: tuple[str, ...] = ()
    peers: tuple[WgPeer, ...] = ()


def of_network(network: Network) -> WgConf:
    """Return the configuration of the effective server: its active peers in order of name."""
    own = network.interface
    distant = static_routes(network)
    return WgConf(
        private_key=own.private_key,
        addresses=own.addresses,
        listen_port=own.listen_port,
        mtu=own.mtu or DEFAULT_MTU,
        # wg-quick would fork `ip route` once for each allowed IP, 1.4 s for 1,000 peers, to find that the interface's
        # own subnet covers it. Only site networks need routes.
        table="off",
        save_config=own.save_config,
        # A router that is away keeps nobody's tunnel down; whoever looks for its route finds it missing.
        post_up=(f"ip -batch {ROUTES_FILE}", *(f"ip route replace {way} || true" for way in distant)),
        post_down=tuple(f"ip route del {way} || true" for way in distant),
        peers=tuple(_wg_peer(peer) for peer in network.active),
    )


def render_server(network: Network) -> str:
    """Return the text of the server's configuration file. It holds secrets."""
    return render(of_network(network))


def render(conf: WgConf) -> str:
    """Return the text of a configuration file."""
    return rendering.render("wg0.conf.j2", conf=conf)


def strip(conf: WgConf) -> WgConf:
    """Return what `wg-quick strip` leaves: only what `wg` itself understands."""
    return replace(conf, addresses=(), mtu=None, table=None, save_config=False, post_up=(), post_down=())


def parse(text: str) -> WgConf:
    """Return the configuration. Raise ParseError, with the line, unless it is one [Interface] and any [Peer]s."""
    found = sections(text)
    interfaces = [section for section in found if section.name == "interface"]
    peers = [section for section in found if section.name == "peer"]
    if len(interfaces) != 1:
        raise ParseError("there must be exactly one [Interface] section (data model 5)")
    if other := next((section for section in found if section.name not in ("interface", "peer")), None):
        raise ParseError(f"unknown section [{other.name}]", other.line)
    values = _values(interfaces[0], _INTERFACE)
    _need(values, "private_key", interfaces[0].line)
    return WgConf(**values, peers=tuple(_peer(section) for section in peers))


def canonical(conf: WgConf | str) -> str:
    """Return what a configuration means, free of order, comments and what `SaveConfig` changes."""
    return canonical_text(render(conf) if isinstance(conf, WgConf) else conf)


def digest(conf: WgConf | str) -> str:
    """Return the SHA-256 of the canonical form, in hex. A private key is in it: nobody guesses back from it."""
    return digest_text(render(conf) if isinstance(conf, WgConf) else conf)


def routes(network: Network) -> tuple[IPNetwork, ...]:
    """Return the site networks of active peers, which need routes to the interface, sorted."""
    found = {each for peer in network.active for each in peer.site_networks}
    return tuple(sorted(found, key=lambda each: (each.version, each)))


def render_routes(network: Network) -> str:
    """Return the batch of `ip` that sets the routes of site networks."""
    return "".join(f"route replace {each} dev {network.interface.name}\n" for each in routes(network))


def static_routes(network: Network) -> tuple[str, ...]:
    """Return the routes through a router that the server sets, as `ip` takes and shows them."""
    return tuple(_way(route) for route in network.routes if route.gateway is not None)


def _way(route: Route) -> str:
    # A link-local address says nothing of where it is: `ip` wants the device told.
    device = f" dev {NIC}" if route.gateway and route.gateway.is_link_local else ""
    # What the kernel takes for none given (ip-route(8)), and so is not shown, or is shown always.
    own = route.metric in ((None, 0, 1024) if route.destination.version == 6 else (None, 0))
    metric = "" if own else f" metric {route.metric}"
    return f"{route.destination} via {route.gateway}{device}{metric}"


def _wg_peer(peer: Peer) -> WgPeer:
    return WgPeer(
        peer.public_key, peer.allowed_ips, peer.preshared_key, peer.endpoint, peer.persistent_keepalive, peer.name
    )


def _peer(section: Section) -> WgPeer:
    values = _values(section, _PEER)
    _need(values, "public_key", section.line)
    prefix = f"{NAME_KEY} = "
    named = [comment.removeprefix(prefix) for comment in section.comments if comment.startswith(prefix)]
    return WgPeer(**values, name=named[0] if named else "")


def _need(values: dict[str, Any], key: str, line: int) -> None:
    if key not in values:
        raise ParseError(f"the section has no {key.replace('_', ' ')} (data model 5)", line)


def _values(section: Section, known: dict[str, tuple[str, Callable[[str], Any]]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in section.entries:
        if entry.key not in known:
            raise ParseError(f"unknown key in [{section.name}]", entry.line)
        name, read = known[entry.key]
        value = _read(entry, read)
        if name in values and not isinstance(value, tuple):
            raise ParseError("the key stands twice", entry.line)
        values[name] = (*values.get(name, ()), *value) if isinstance(value, tuple) else value
    return values


def _read(entry: Entry, read: Callable[[str], Any]) -> Any:
    try:
        return read(entry.value)
    except (ValueError, ParseError):
        raise ParseError("the value is not valid", entry.line) from None


def _items(value: str) -> Iterable[str]:
    return (zoneless(item.strip()) for item in value.split(",") if item.strip())


def _number(low: int, high: int) -> Callable[[str], int]:
    def read(value: str) -> int:
        number = int(value) if value.isascii() and value.isdigit() else -1
        if not low <= number <= high:
            raise ValueError
        return number

    return read


def _keepalive(value: str) -> int:
    return 0 if value.lower() == "off" else _number(0, 65535)(value)


def _boolean(value: str) -> bool:
    if value not in ("true", "false"):
        raise ValueError
    return value == "true"


def _text(value: str) -> str:
    if not value:
        raise ValueError
    return value


_INTERFACE: dict[str, tuple[str, Callable[[str], Any]]] = {
    "privatekey": ("private_key", check_key),
    "address": ("addresses", lambda value: tuple(map(ip_interface, _items(value)))),
    "listenport": ("listen_port", _number(0, 65535)),
    "mtu": ("mtu", _number(576, 65535)),
    "table": ("table", _text),
    "saveconfig": ("save_config", _boolean),
    "postup": ("post_up", lambda value: (_text(value),)),
    "postdown": ("post_down", lambda value: (_text(value),)),
}
_PEER: dict[str, tuple[str, Callable[[str], Any]]] = {
    "publickey": ("public_key", check_key),
    "presharedkey": ("preshared_key", check_key),
    "allowedips": ("allowed_ips", lambda value: tuple(ip_network(each, strict=False) for each in _items(value))),
    "endpoint": ("endpoint", endpoint),
    "persistentkeepalive": ("keepalive", _keepalive),
}
