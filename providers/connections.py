"""Connections to the systems with the credentials of this process.

Each raises ConfigError, naming every key that is missing, when address or token are not configured, and for an address
of the environment that is not https: the program would refuse it, but `refresh` and `destroy` run none.
"""

from collections.abc import Iterable
from pathlib import Path

from clients.netbox import Access, NetBox
from clients.netbox.transport import SYSTEM as NETBOX
from clients.pbs import SYSTEM as PBS
from clients.pbs import Pbs
from clients.proxmox import SYSTEM as PROXMOX
from clients.proxmox import Proxmox
from clients.tls import Trust
from clients.zabbix import Zabbix
from clients.zabbix.records import SYSTEM as ZABBIX
from providers.credentials import setting
from vpn.errors import ConfigError, Problem
from vpn.settings import names
from vpn.settings.parse import ENVIRONMENT

PROJECT = Path(__file__).resolve().parents[1]
"""Where Pulumi.yaml is, whatever directory the plugin runs in."""
_ADDRESSES = ("proxmox_endpoint", "pbs_url", "netbox_url", "zabbix_url")


def proxmox() -> Proxmox:
    """Return a client for the cluster."""
    endpoint, token = _configured(PROXMOX, "proxmox_endpoint", "proxmox_api_token")
    return Proxmox(endpoint, token, trust=trust("proxmox"))


def pbs() -> Pbs:
    """Return a client for the backup server."""
    url, token = _configured(PBS, "pbs_url", "pbs_token")
    return Pbs.connect(url, token, trust("pbs"))


def netbox(url: str) -> NetBox:
    """Return a client for NetBox.

    The address is the config's, for which the token is meant; `url`, the state's, only when the config has none.
    """
    (token,) = _configured(NETBOX, "netbox_token")
    return NetBox(Access(_setting("netbox_url") or url, token, trust("netbox")))


def zabbix(secrets: Iterable[str] = ()) -> Zabbix:
    """Return a client for Zabbix; `secrets` are struck out of whatever an error says."""
    url, token = _configured(ZABBIX, "zabbix_url", "zabbix_token")
    return Zabbix(url, token, trust=trust("zabbix"), secrets=secrets)


def trust(system: str) -> Trust:
    """Return what a system's certificate is held against, from `<system>_ca_file` and `<system>_fingerprint`.

    Raises ConfigError for a file that cannot be read.
    """
    key = f"{system}_ca_file"
    return Trust.configured(PROJECT, key, setting(key), setting(f"{system}_fingerprint"))


def _configured(system: str, *keys: str) -> list[str]:
    """Return the values of the keys, from the config or else the environment. Raises ConfigError."""
    values = {key: _setting(key) for key in keys}
    rule = f"is needed while this stack has anything in {system}; set it here or as "
    problems = [Problem(key, None, rule + ENVIRONMENT[key]) for key, value in values.items() if not value]
    if problems:
        raise ConfigError(problems)
    return [value for value in values.values() if value]


def _setting(key: str) -> str | None:
    """Return a setting of the config, else of the environment. Raises ConfigError for an address that is not https."""
    configured = setting(key)
    value = configured or setting(key, ENVIRONMENT[key])
    if value and not configured and key in _ADDRESSES:
        try:
            names.url(value)
        except ValueError as error:
            where = f"environment variable {ENVIRONMENT[key]}"
            raise ConfigError([Problem(key, None, str(error), where)]) from None
    return value
