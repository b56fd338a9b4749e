"""Which guests a backup job covers, and which are covered by none."""

from collections.abc import Mapping
from typing import Any

from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.cluster import Cluster
from lab.pve.routing import Call, endpoint


def members(cluster: Cluster, job: Mapping[str, Any]) -> list[int]:
    """VMIDs a job selects, whether such guests exist or not when they are listed by number."""
    if job.get("vmid"):
        return [int(vmid) for vmid in f.split_list(str(job["vmid"]))]
    if job.get("pool"):
        return sorted(int(vmid) for vmid in cluster.data["pools"].get(job["pool"], {"vms": []})["vms"])
    excluded = {int(vmid) for vmid in f.split_list(str(job.get("exclude", "")))}
    return [vmid for vmid in cluster.guests() if vmid not in excluded]


@endpoint("GET", "/cluster/backup-info/not-backed-up", permission=on("/", "Sys.Audit"))
def not_backed_up(call: Call) -> Any:
    """Guests that no job covers."""
    covered = {vmid for job in call.cluster.data["jobs"].values() for vmid in members(call.cluster, job)}
    return [
        {"vmid": vmid, "name": guest["config"]["hostname"], "type": "lxc"}
        for vmid, guest in call.cluster.guests().items()
        if vmid not in covered
    ]
