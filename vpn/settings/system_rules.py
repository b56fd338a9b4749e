"""Rules about the systems around the server: what must be set for each to work."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vpn.backup import Retention
from vpn.errors import Problem
from vpn.settings.sections import Proxmox, Section, Ssh
from vpn.settings.settings import Check, Settings

_TOKEN = re.compile(r"[^@!=\s]+@[^@!=\s]+![^@!=\s]+=\S+")
_NETBOX_NEEDS = ("netbox_url", "netbox_token", "netbox_site", "netbox_cluster")
_ZABBIX_NEEDS = ("zabbix_url", "zabbix_token", "zabbix_server")
_PBS_NEEDS = ("pbs_url", "pbs_token", "pbs_datastore", "pbs_storage")


def _required(section: Section, key: str, unless: str = "") -> Iterator[Problem]:
    if getattr(section, key) is None:
        variable = type(section).environment.get(key)
        source = f" (config or environment variable {variable})" if variable else ""
        yield Problem(key, None, f"is required{unless}{source}")


def _needed(section: str, key: str) -> Check:
    """Make the rule that `key` is set when the section's system is enabled."""
    switch = f"{section}_enabled"

    def check(settings: Settings) -> Iterator[Problem]:
        own: Section = getattr(settings, section)
        if getattr(own, switch):
            yield from _required(own, key, f" unless {switch} is false")

    return check


def _proxmox_needs(key: str) -> Check:
    return lambda settings: _required(settings.proxmox, key)


def _token_has_four_parts(settings: Settings) -> Iterator[Problem]:
    proxmox: Proxmox = settings.proxmox
    token = proxmox.proxmox_api_token
    if token is not None and not _TOKEN.fullmatch(token.get_secret_value()):
        yield Problem("proxmox_api_token", None, "must have the form USER@REALM!TOKENID=SECRET")


def _template_is_pinned(settings: Settings) -> Iterator[Problem]:
    if settings.proxmox.pinned_checksum is None:
        rule = "is required with a template_url of your own: Proxmox VE keeps or refuses a cached file by it"
        yield Problem("template_checksum", None, rule)


def _jump_host_is_complete(settings: Settings) -> Iterator[Problem]:
    ssh: Ssh = settings.ssh
    if ssh.ssh_jump_host is None:
        return
    yield from _required(ssh, "ssh_jump_host_key", " with ssh_jump_host: unknown host keys are not accepted")
    if ssh.ssh_jump_private_key is None and ssh.ssh_jump_private_key_file is None:
        rule = "is required with ssh_jump_host, or else ssh_jump_private_key_file"
        yield Problem("ssh_jump_private_key", None, rule)


def _pool_backup_has_a_pool(settings: Settings) -> Iterator[Problem]:
    if settings.pbs.backup_job == "pool" and settings.container.pool is None:
        yield Problem("backup_job", "pool", "needs pool to be set")


def _retention_keeps_something(settings: Settings) -> Iterator[Problem]:
    pbs = settings.pbs
    kept = Retention(pbs.keep_last or 0, pbs.keep_daily, pbs.keep_weekly, pbs.keep_monthly)
    if pbs.pbs_enabled and kept.empty:
        rule = "must not be 0 as all others of keep_* are: PBS then keeps every backup until the datastore is full"
        yield Problem("keep_daily", "0", rule)


SYSTEM_RULES: tuple[tuple[Check, tuple[str, ...]], ...] = (
    *((_proxmox_needs(key), (key,)) for key in ("proxmox_endpoint", "proxmox_api_token")),
    (_token_has_four_parts, ("proxmox_api_token",)),
    (_template_is_pinned, ("template_checksum", "template_url")),
    (
        _jump_host_is_complete,
        ("ssh_jump_host", "ssh_jump_host_key", "ssh_jump_private_key", "ssh_jump_private_key_file"),
    ),
    *((_needed("netbox", key), (key, "netbox_enabled")) for key in _NETBOX_NEEDS),
    *((_needed("zabbix", key), (key, "zabbix_enabled")) for key in _ZABBIX_NEEDS),
    *((_needed("pbs", key), (key, "pbs_enabled")) for key in _PBS_NEEDS),
    (_pool_backup_has_a_pool, ("backup_job", "pool")),
    (_retention_keeps_something, ("pbs_enabled", "keep_last", "keep_daily", "keep_weekly", "keep_monthly")),
)
