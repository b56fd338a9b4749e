"""The Proxmox VE firewall of the CT: the VPN's port, SSH from the management network, no more."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from itertools import groupby
from typing import Any

import pulumi
import pulumi_proxmoxve as proxmoxve

from components.container import DHCP, Container
from vpn.agent import PORT as AGENT_PORT
from vpn.settings import IPNetwork, Settings

SSH_PORT = 22


class Firewall(pulumi.ComponentResource):
    """Options and rules of the CT's firewall.

    It acts only if the CT's interface has its firewall switch on (the container component sees
    to that), the CT's own option is on (here) and the cluster's option is on (the admin's).
    """

    def __init__(
        self,
        name: str,
        settings: Settings,
        container: Container,
        *,
        provider: proxmoxve.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Firewall", name, None, opts)
        child = pulumi.ResourceOptions(
            parent=self, provider=provider, deleted_with=container.guest
        )
        where = {"node_name": settings.proxmox.proxmox_node, "container_id": container.vmid}
        rules = proxmoxve.firewall.RulesLegacy(
            f"{name}-rules", **where, rules=_rules(settings), opts=child
        )
        proxmoxve.firewall.OptionsLegacy(
            f"{name}-options",
            **where,
            **_options(settings),
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=[rules])),
        )
        self.register_outputs({})


def _options(settings: Settings) -> dict[str, Any]:
    """Set every option: the resource's defaults are not Proxmox VE's."""
    return {
        "enabled": True,
        "dhcp": settings.container.ip_address == DHCP,
        "ndp": True,
        "radv": False,
        "macfilter": True,
        "ipfilter": False,  # routed clients keep their own source address
        "input_policy": "DROP",
        "output_policy": "ACCEPT",
        "log_level_in": "nolog",
        "log_level_out": "nolog",
    }


def _rules(settings: Settings) -> list[dict[str, Any]]:
    port, sources = settings.interface.listen_port, settings.firewall.listen_sources
    return [
        *_accept("WireGuard", "udp", port, sources),
        *_accept("SSH", "tcp", SSH_PORT, settings.firewall.ssh_sources),
        *_accept("Zabbix agent", "tcp", AGENT_PORT, _zabbix(settings)),
    ]


def _zabbix(settings: Settings) -> list[IPNetwork]:
    server = settings.zabbix.zabbix_server if settings.zabbix.zabbix_enabled else None
    return [ip_network(server)] if server else []


def _accept(
    comment: str, proto: str, port: int, sources: Iterable[IPNetwork]
) -> Iterator[dict[str, Any]]:
    """Yield a rule per address family: Proxmox VE refuses a list that mixes them."""
    for _, family in groupby(sorted(sources, key=_by_version), key=_by_version):
        yield {
            "type": "in",
            "action": "ACCEPT",
            "enabled": True,
            "comment": comment,
            "proto": proto,
            "dport": str(port),
            "source": ",".join(map(str, family)),
        }


def _by_version(network: IPNetwork) -> int:
    return network.version
