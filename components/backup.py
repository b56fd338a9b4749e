"""The CT's place in the backup schedule, in two parts around the server: proven first, made last."""

from typing import Any

import pulumi

from components.intents import epoch
from components.options import child
from providers import pbs
from vpn import backup
from vpn.settings import Settings


class BackupReservation(pulumi.ComponentResource):
    """Datastore, namespace, storage and privileges, proven before anything is made. `warnings` are for a person."""

    def __init__(
        self, name: str, settings: Settings, *, mark: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("wireguard-vpn:index:BackupReservation", name, None, opts)
        self.resource = pbs.Reservation(
            "backup-reservation", **_place(settings), **_keeps(settings), mark=mark, opts=child(self, opts)
        )
        self.warnings = self.resource.warnings
        self.register_outputs({"warnings": self.warnings})


class Backup(pulumi.ComponentResource):
    """The backup, prune and verify jobs. `covered_by` names the jobs that back the CT up."""

    def __init__(
        self, name: str, settings: Settings, *, mark: pulumi.Input[str], opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("wireguard-vpn:index:Backup", name, None, opts)
        asked = {**_place(settings), **_schedule(settings), "mark": mark}
        before = epoch("backup", asked, child(self, opts))
        jobs = pbs.Registration("backup", **asked, epoch=before, opts=child(self, opts))
        self.covered_by = jobs.covered_by
        self.register_outputs({"covered_by": self.covered_by})


def _place(settings: Settings) -> dict[str, Any]:
    own = settings.pbs
    return {
        "url": own.pbs_url,
        "job_id": backup.job_id(pulumi.get_project(), pulumi.get_stack()),
        "vmid": settings.container.container_id,
        "node": settings.proxmox.proxmox_node,
        "pool": settings.container.pool,
        "storage": own.pbs_storage,
        "datastore": own.pbs_datastore,
        "namespace": own.pbs_namespace,
        "backup_job": own.backup_job,
        "adopt": own.pbs_adopt,
        "shared": own.pbs_shared_namespace,
    }


def _schedule(settings: Settings) -> dict[str, Any]:
    own = settings.pbs
    return {
        "backup_schedule": own.backup_schedule,
        "prune_schedule": own.prune_schedule,
        "verify_schedule": own.verify_schedule,
        **_keeps(settings),
    }


def _keeps(settings: Settings) -> dict[str, int]:
    own = settings.pbs
    return {
        "keep_last": own.keep_last or 0,
        "keep_daily": own.keep_daily,
        "keep_weekly": own.keep_weekly,
        "keep_monthly": own.keep_monthly,
    }
