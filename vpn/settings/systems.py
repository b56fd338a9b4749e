"""The sections of the systems the server is registered with: NetBox, Zabbix, Proxmox Backup Server."""

from __future__ import annotations

from typing import Annotated, ClassVar

from vpn.settings import names
from vpn.settings import types as t
from vpn.settings.sections import Section

_KEEP = t.integer(0, 10_000, "number of backups to keep")


class NetBox(Section):
    """NetBox, the CMDB."""

    environment: ClassVar[dict[str, str]] = {"netbox_url": "NETBOX_URL", "netbox_token": "NETBOX_TOKEN"}
    netbox_enabled: t.Bool = True
    netbox_url: names.Url | None = None
    netbox_token: t.SecretText | None = None
    netbox_ca_file: names.LocalPath | None = None
    netbox_fingerprint: names.Fingerprint | None = None
    netbox_site: names.Text | None = None
    netbox_cluster: names.Text | None = None
    netbox_role: names.Text | None = None
    netbox_adopt: t.Bool = False


class Zabbix(Section):
    """Zabbix, the monitoring. `zabbix_server` is the address the agent accepts.

    With `zabbix_backup_token`, `USER@REALM!NAME:SECRET` of a PBS token that may only list backups, Zabbix watches the
    age of the last one; `zabbix_backup_url` is PBS as Zabbix reaches it, where that differs from `pbs_url`.
    """

    environment: ClassVar[dict[str, str]] = {
        "zabbix_url": "ZABBIX_URL",
        "zabbix_token": "ZABBIX_TOKEN",
        "zabbix_backup_token": "ZABBIX_BACKUP_TOKEN",
    }
    zabbix_enabled: t.Bool = True
    zabbix_url: names.Url | None = None
    zabbix_token: t.SecretText | None = None
    zabbix_ca_file: names.LocalPath | None = None
    zabbix_fingerprint: names.Fingerprint | None = None
    zabbix_server: t.Address | None = None
    zabbix_host_group: names.Text = "VPN"
    zabbix_psk_generation: Annotated[int, t.integer(1, 1_000_000, "raise it to rotate the agent's preshared key")] = 1
    zabbix_adopt: t.Bool = False
    zabbix_backup_url: names.Url | None = None
    zabbix_backup_token: t.SecretText | None = None


class Pbs(Section):
    """Proxmox Backup Server: where backups go, when, and how long they stay."""

    environment: ClassVar[dict[str, str]] = {"pbs_url": "PBS_URL", "pbs_token": "PBS_TOKEN"}
    pbs_enabled: t.Bool = True
    pbs_url: names.Url | None = None
    pbs_token: t.SecretText | None = None
    pbs_ca_file: names.LocalPath | None = None
    pbs_fingerprint: names.Fingerprint | None = None
    pbs_datastore: names.Identifier | None = None
    pbs_namespace: names.Namespace = ""
    pbs_shared_namespace: t.Bool = False
    pbs_storage: names.Identifier | None = None
    backup_schedule: names.Schedule = "daily"
    keep_last: Annotated[int, _KEEP] | None = None
    keep_daily: Annotated[int, _KEEP] = 7
    keep_weekly: Annotated[int, _KEEP] = 4
    keep_monthly: Annotated[int, _KEEP] = 6
    prune_schedule: names.Schedule = "daily"
    verify_schedule: names.Schedule = "daily"
    pbs_adopt: t.Bool = False
    backup_job: Annotated[str, t.choice("own", "pool")] = "own"
