"""The Proxmox VE firewall of the CT: the VPN's port, SSH from the management network, no more."""

from collections.abc import Iterable, Iterator
from ipaddress import ip_network
from itertools import groupby

import pulumi
import pulumi_proxmoxve as pve

from components.container import DHCP, Container
from components.intents import epoch
from providers.firewall_rules import AGENT, SSH, VPN, FirewallRules, Rule
from vpn.agent import PORT as AGENT_PORT
from vpn.nftables import SSH_PORT
from vpn.settings import IPNetwork, Settings


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
        provider: pve.Provider,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Firewall", name, None, opts)
        rules = self._let_in(name, settings, container)
        # Every option is set: the resource's defaults are not Proxmox VE's.
        pve.firewall.OptionsLegacy(
            f"{name}-options",
            node_name=settings.proxmox.proxmox_node,
            container_id=container.vmid,
            enabled=True,
            dhcp=settings.container.ip_address == DHCP,
            ndp=True,
            radv=False,
            macfilter=True,
            ipfilter=False,  # routed clients keep their own source address
            input_policy="DROP",
            output_policy="ACCEPT",
            log_level_in="nolog",
            log_level_out="nolog",
            opts=pulumi.ResourceOptions(
                parent=self,
                provider=provider,
                depends_on=[rules],
                deleted_with=container.guest,
                # They live in the guest's own file: a container made anew has none, whatever its VMID.
                replacement_trigger=container.instance,
                delete_before_replace=True,
                # Pulumi replaces nothing that is protected; and there is nothing to lose: deleting them writes nothing.
                protect=False,
            ),
        )
        self.register_outputs({})

    def _let_in(self, name: str, settings: Settings, container: Container) -> FirewallRules:
        asked = {
            "node": settings.proxmox.proxmox_node,
            "container_id": container.vmid,
            "rules": [*_rules(settings)],
            "instance": container.instance,
        }
        return FirewallRules(
            f"{name}-rules",
            **asked,
            epoch=epoch(f"{name}-rules", asked, pulumi.ResourceOptions(parent=self)),
            opts=pulumi.ResourceOptions(
                parent=self,
                deleted_with=container.guest,
                delete_before_replace=True,  # else the end of the old ones takes the new ones away
            ),
        )


def proven(settings: Settings) -> dict[str, str]:
    """Return the options that matter, as Proxmox VE says them; nothing without a firewall."""
    return {"enable": "1", "policy_in": "DROP"} if settings.firewall.proxmox_firewall else {}


def _rules(settings: Settings) -> Iterator[Rule]:
    """Yield what is let in, in Proxmox VE's own words."""
    port, sources = settings.interface.listen_port, settings.firewall.listen_sources
    yield from _accept(VPN, "udp", port, sources)
    yield from _accept(SSH, "tcp", SSH_PORT, settings.firewall.ssh_sources)
    if settings.zabbix.zabbix_enabled and settings.zabbix.zabbix_server:
        server = ip_network(settings.zabbix.zabbix_server)
        yield from _accept(AGENT, "tcp", AGENT_PORT, [server])


def _accept(comment: str, proto: str, port: int, sources: Iterable[IPNetwork]) -> Iterator[Rule]:
    """Yield a rule per address family: Proxmox VE refuses a list that mixes them."""
    for _, family in groupby(sorted(sources, key=_by_version), key=_by_version):
        yield {
            "type": "in",
            "action": "ACCEPT",
            "enable": "1",
            "comment": comment,
            "proto": proto,
            "dport": str(port),
            "source": ",".join(map(str, family)),
        }


def _by_version(network: IPNetwork) -> int:
    return network.version
