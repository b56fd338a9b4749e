"""The rules on where others are: no infrastructure in the VPN subnet, no dialled peer where nothing is let in.

A peer could have an address in the VPN subnet (network constraints). Only addresses can be judged: where a name leads
is not known beforehand. `ssh_sources` say who may manage the server, not where something is: who does so through the
tunnel is in the VPN subnet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from vpn.errors import Problem
from vpn.settings.ip import literal
from vpn.settings.names import host_of
from vpn.settings.networks import forms, touches
from vpn.settings.settings import Check, Settings

_URLS: Final = (
    ("proxmox", "proxmox_endpoint"),
    ("proxmox", "template_url"),
    ("netbox", "netbox_url"),
    ("zabbix", "zabbix_url"),
    ("zabbix", "zabbix_backup_url"),
    ("pbs", "pbs_url"),
)


class Known(NamedTuple):
    """A value that names a host, its key path, and the host."""

    key: str
    value: str
    host: str


def _infrastructure_is_outside(settings: Settings) -> Iterator[Problem]:
    networks = [(each, forms(each)) for each in settings.vpn_networks]
    for known in (*_servers(settings), *_apis(settings), *_own_endpoint(settings), *_dialled(settings)):
        host = literal(known.host)
        vpn = next((each for each, meant in networks if host and touches(host, meant)), None)
        if vpn:
            rule = f"must not be in the VPN subnet {vpn}: there are only the server and its peers (network constraints)"
            yield Problem(known.key, known.value, rule)


def _servers(settings: Settings) -> Iterator[Known]:
    named = {
        **{f"dns_servers[{index}]": each for index, each in enumerate(settings.container.dns_servers)},
        "ssh_jump_host": settings.ssh.ssh_jump_host,
        "zabbix_server": settings.zabbix.zabbix_server,
    }
    return (Known(key, str(value), str(value)) for key, value in named.items() if value)


def _apis(settings: Settings) -> Iterator[Known]:
    for section, key in _URLS:
        if url := getattr(getattr(settings, section), key):
            yield Known(key, url, urlsplit(url).hostname or "")


def _own_endpoint(settings: Settings) -> Iterator[Known]:
    """Yield what clients dial to make a tunnel, and so do not reach through one."""
    if own := settings.interface.endpoint:
        yield Known("endpoint", own, host_of(own))


def _dialled(settings: Settings) -> Iterator[Known]:
    """Yield what the server dials."""
    for index, peer in enumerate(settings.peers):
        if peer.endpoint:
            yield Known(f"peers[{index}].endpoint", peer.endpoint, host_of(peer.endpoint))


def _dialled_peers_are_let_in(settings: Settings) -> Iterator[Problem]:
    sources = settings.firewall.listen_sources
    for known in _dialled(settings):
        host = literal(known.host)
        if host and not touches(host, sources):
            yield Problem(known.key, known.value, "must be in listen_sources: the server would drop its answers")


INFRASTRUCTURE_RULES: tuple[tuple[Check, tuple[str, ...]], ...] = (
    (_infrastructure_is_outside, ("address", "address_ipv6")),
    (_dialled_peers_are_let_in, ("peers", "listen_sources")),
)
