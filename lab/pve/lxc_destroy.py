"""DELETE /nodes/{node}/lxc/{vmid}."""

import contextlib
from typing import Any

from lab.api.schema import boolean
from lab.api.tasks import TaskError
from lab.errors import ContainerError
from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.cluster import Cluster
from lab.pve.dialect import died
from lab.pve.disks import release
from lab.pve.parameters import GUEST
from lab.pve.routing import Call, endpoint


@endpoint(
    "DELETE",
    "/nodes/{node}/lxc/{vmid}",
    {**GUEST, "destroy-unreferenced-disks": boolean(), "force": boolean(), "purge": boolean()},
    permission=on("/vms/{vmid}", "VM.Allocate"),
)
def destroy(call: Call) -> Any:
    """Remove a stopped, unprotected container."""
    guest = call.cluster.unlocked(call.vmid)
    if guest["config"].get("protection"):
        raise died(f"can't remove CT {call.vmid} - protection mode enabled")
    if call.cluster.driver.running(call.vmid) and not call.get("force"):
        raise died(f"unable to destroy CT {call.vmid} - container is running")
    call.cluster.lock(call.vmid, "destroyed")
    return call.cluster.tasks.start("vzdestroy", str(call.vmid), call.who.authid, lambda log: _destroy(call, log))


def _destroy(call: Call, log: Any) -> None:
    try:
        if call.cluster.driver.running(call.vmid):
            call.cluster.driver.stop(call.vmid)
        call.cluster.driver.destroy(call.vmid)
    except ContainerError as error:
        call.cluster.lock(call.vmid, "")
        raise TaskError(str(error)) from None
    log(f"purging CT {call.vmid} from related configurations..")
    with call.cluster.store.edit() as data:
        forget(call.cluster, call.vmid)
        if call.get("purge"):
            purge_jobs(data, call.vmid)


def forget(cluster: Cluster, vmid: int) -> None:
    """Remove what always goes with a container: its record, disks, firewall, access rules and pool membership."""
    with cluster.store.edit() as data:
        _drop(data, vmid)
        data["guest_firewalls"].pop(str(vmid), None)
        data["acl"] = [item for item in data["acl"] if item["path"] != f"/vms/{vmid}"]
        for pool in data["pools"].values():
            pool["vms"] = [member for member in pool["vms"] if member != str(vmid)]


def remove_guest(cluster: Cluster, vmid: int) -> None:
    """Remove a container that makes room or was left half made."""
    with contextlib.suppress(ContainerError):
        if cluster.driver.exists(vmid):
            cluster.driver.destroy(vmid)
    with cluster.store.edit() as data:
        _drop(data, vmid)


def _drop(data: dict[str, Any], vmid: int) -> None:
    """Remove a container's record and disks."""
    release(data, vmid)
    data["guests"].pop(str(vmid), None)


def purge_jobs(data: dict[str, Any], vmid: int) -> None:
    """Take a container out of all backup jobs; a job that loses its last guest is deleted."""
    for name, job in list(data["jobs"].items()):
        members = f.split_list(str(job.get("vmid", "")))
        if str(vmid) not in members:
            continue
        left = [member for member in members if member != str(vmid)]
        if left:
            job["vmid"] = ",".join(left)
        else:
            del data["jobs"][name]
