"""Backups: one now by request, and those the jobs plan."""

import re
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from lab.api.schema import boolean, text
from lab.api.tasks import TaskError
from lab.errors import ContainerError
from lab.pve.backup_info import members
from lab.pve.backup_stores import BackupError
from lab.pve.backups import open_store
from lab.pve.cluster import Cluster
from lab.pve.dialect import bad_parameter, died, forbidden
from lab.pve.parameters import NODE, ROOT_ONLY_VZDUMP, VZDUMP_OPTIONS
from lab.pve.routing import Call, endpoint

Log = Callable[[str], None]
ROOT_ONLY = (*ROOT_ONLY_VZDUMP, "job-id")


@endpoint(
    "POST",
    "/nodes/{node}/vzdump",
    {**VZDUMP_OPTIONS, "job-id": text(pattern=r"\S+", size=(None, 50)), "stdout": boolean()},
)
def vzdump(call: Call) -> Any:
    """Back guests up now; its task."""
    for option in ROOT_ONLY:
        if option in call.params and not call.who.is_root:
            raise forbidden("Only root may set this option.")
    if not any(call.get(selection) for selection in ("vmid", "pool", "all")):
        raise bad_parameter("vmid", "property is missing and it is not optional")
    storage = call.get("storage", "local")
    call.cluster.storage(storage)
    call.cluster.permissions.require(call.who, f"/storage/{storage}", ["Datastore.AllocateSpace"])
    if "prune-backups" in call.params:
        call.cluster.permissions.require(call.who, f"/storage/{storage}", ["Datastore.Allocate"])
    wanted = members(call.cluster, call.params)
    for vmid in wanted:
        call.cluster.permissions.require(call.who, f"/vms/{vmid}", ["VM.Backup"])
    return start_backup(call.cluster, wanted, call.params, call.who.authid)


def start_backup(cluster: Cluster, wanted: list[int], options: dict[str, Any], authid: str) -> str:
    """Start the task that backs up the guests `wanted`; returns its UPID."""
    ident = str(wanted[0]) if len(wanted) == 1 else ""
    return cluster.tasks.start("vzdump", ident, authid, lambda log: _backup_all(cluster, wanted, options, log))


def _backup_all(cluster: Cluster, wanted: list[int], options: dict[str, Any], log: Log) -> None:
    storage = options.get("storage", "local")
    names = " ".join(str(vmid) for vmid in wanted)
    log(f"INFO: starting new backup job: vzdump {names} --storage {storage} --mode {options.get('mode', 'snapshot')}")
    failed = 0
    for vmid in wanted:
        try:
            _backup(cluster, vmid, options, log)
        except (BackupError, ContainerError) as error:
            failed += 1
            log(f"ERROR: Backup of VM {vmid} failed - {error}")
    if failed:
        log("INFO: Backup job finished with errors")
        raise TaskError("job errors")
    log("INFO: Backup job finished successfully")


def _backup(cluster: Cluster, vmid: int, options: dict[str, Any], log: Log) -> None:
    begun = time.monotonic()
    guest = cluster.guests().get(vmid)
    if guest is None:
        raise BackupError(f"unable to find VM '{vmid}'")
    if guest["lock"]:
        raise BackupError(f"CT is locked ({guest['lock']})")
    log(f"INFO: Starting Backup of VM {vmid} (lxc)")
    cluster.lock(vmid, "backup")
    try:
        store = open_store(cluster, options.get("storage", "local"))
        record = {"vmid": vmid, "config": guest["config"], "firewall": cluster.firewall(vmid)}
        with store.write(record, _notes(cluster, vmid, options), protected=bool(options.get("protected"))) as path:
            cluster.driver.archive(vmid, path)
            log(f"INFO: archive file size: {path.stat().st_size >> 20}MB")
    finally:
        cluster.lock(vmid, "")
    log(f"INFO: Finished Backup of VM {vmid} ({time.monotonic() - begun:.0f}s)")


def _notes(cluster: Cluster, vmid: int, options: dict[str, Any]) -> str:
    values = {
        "vmid": str(vmid),
        "node": cluster.node,
        "cluster": "lab",
        "guestname": cluster.guest(vmid)["config"]["hostname"],
    }
    template = options.get("notes-template", "{{guestname}}")
    return re.sub(r"\{\{(\w+)\}\}", lambda match: values.get(match[1], match[0]), template)


@endpoint("GET", "/nodes/{node}/vzdump/extractconfig", {**NODE, "volume": text().required()})
def extract_config(call: Call) -> Any:
    """Return the guest's configuration inside a backup, as text."""
    volume = call.params["volume"]
    storage = volume.partition(":")[0]
    call.cluster.permissions.require(call.who, f"/storage/{storage}", ["Datastore.AllocateSpace"])
    try:
        record = open_store(call.cluster, storage).describe(volume)
    except BackupError as error:
        raise died(str(error)) from None
    call.cluster.permissions.require(call.who, f"/vms/{record['vmid']}", ["VM.Backup"])
    lines = [f"{key}: {value}" for key, value in sorted(record["config"].items()) if key != "description"]
    described = [f"#{line}" for line in str(record["config"].get("description", "")).splitlines()]
    return "\n".join([*described, *lines]) + "\n"


def due_jobs(cluster: Cluster) -> list[tuple[str, Callable[[], object]]]:
    """Return the schedule of every enabled job, with what to do when it comes due."""
    with cluster.store.read() as data:
        jobs = [dict(job) for job in data["jobs"].values() if job.get("enabled", 1)]
    return [(job["schedule"], partial(_run_job, cluster, job)) for job in jobs]


def _run_job(cluster: Cluster, job: dict[str, Any]) -> None:
    wanted = members(cluster, job)
    if wanted:
        start_backup(cluster, wanted, job, "root@pam")
