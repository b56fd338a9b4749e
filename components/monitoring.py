"""The server in Zabbix, in two parts around it: proven before it is made, written when it runs."""

from typing import Any

import pulumi

from components.intents import epoch
from components.options import child
from components.outputs import public, secret
from providers import zabbix
from vpn import rendering
from vpn.agent import PORT, psk_identity
from vpn.monitoring import TemplateIdentity, import_source, longest_backup_age, template_name
from vpn.network import Network
from vpn.settings import Settings

MARK_PREFIX = "pulumi: "


class MonitoringReservation(pulumi.ComponentResource):
    """Token, permissions, groups and free names, proven before anything is made."""

    def __init__(
        self, name: str, settings: Settings, *, mark: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("wireguard-vpn:index:MonitoringReservation", name, None, opts)
        self.resource = zabbix.Reservation(
            "monitoring-reservation", **_place(settings), mark=_owner(mark), opts=child(self, opts)
        )
        self.register_outputs({})


class Monitoring(pulumi.ComponentResource):
    """The host with its template, groups and dashboard; `url` is the page of the dashboard."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        network: pulumi.Output[Network],
        *,
        address: pulumi.Input[str],
        mark: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("wireguard-vpn:index:Monitoring", name, None, opts)
        owner = _owner(mark)
        asked = {
            **_place(settings),
            "mark": owner,
            "address": address,
            "port": PORT,
            "description": pulumi.Output.concat("WireGuard VPN server\n", mark),
            "enabled": True,
            "template": owner.apply(lambda known: template(settings, known)),
            "psk_identity": public(network, lambda n: psk_identity(_host(settings), _psk(n))),
            "psk": secret(network.apply(_psk)),
            "backup_token": _backup_token(settings),
        }
        before = epoch("monitoring", asked, child(self, opts))
        host = zabbix.Registration("monitoring", **asked, epoch=before, opts=child(self, opts))
        self.url = host.url
        self.register_outputs({"url": self.url})


def template(settings: Settings, owner: str) -> str:
    """Return what Zabbix imports for the stack of `owner`."""
    host = _host(settings)
    identity = TemplateIdentity(template_name(host), settings.zabbix.zabbix_host_group, owner)
    source = rendering.static("zabbix/template.yaml").decode()
    return import_source(source, identity, macros(settings), backup=_backup_token(settings) is not None)


def macros(settings: Settings) -> dict[str, str]:
    """Return the values of the template's macros; the token for PBS is a hidden macro of the host."""
    pbs = settings.pbs
    own = {
        "{$WIREGUARD.INTERFACE}": settings.interface.interface_name,
        "{$WIREGUARD.PORT}": str(settings.interface.listen_port),
    }
    backup = {
        "{$WIREGUARD.BACKUP.URL}": settings.zabbix.zabbix_backup_url or pbs.pbs_url,
        "{$WIREGUARD.BACKUP.DATASTORE}": pbs.pbs_datastore,
        "{$WIREGUARD.BACKUP.NAMESPACE}": pbs.pbs_namespace,
        "{$WIREGUARD.BACKUP.ID}": str(settings.container.container_id),
        "{$WIREGUARD.BACKUP.MAX.AGE}": longest_backup_age(pbs.backup_schedule),
    }
    return own | ({name: value or "" for name, value in backup.items()} if pbs.pbs_enabled else {})


def _place(settings: Settings) -> dict[str, Any]:
    host = _host(settings)
    return {
        "frontend": settings.zabbix.zabbix_url,
        "host": host,
        "template_name": template_name(host),
        "host_group": settings.zabbix.zabbix_host_group,
        "adopt": settings.zabbix.zabbix_adopt,
    }


def _host(settings: Settings) -> str:
    return settings.container.hostname


def _owner(mark: pulumi.Input[str]) -> pulumi.Output[str]:
    """Return the mark as the value of a tag named `pulumi`."""
    return pulumi.Output.from_input(mark).apply(lambda text: text.removeprefix(MARK_PREFIX))


def _psk(network: Network) -> str:
    return network.agent.psk if network.agent else ""


def _backup_token(settings: Settings) -> pulumi.Output[str] | None:
    token = settings.zabbix.zabbix_backup_token
    return pulumi.Output.secret(token.get_secret_value()) if token and settings.pbs.pbs_enabled else None
