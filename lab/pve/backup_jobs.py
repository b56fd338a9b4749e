"""/cluster/backup: the jobs that back guests up on a schedule."""

import time
from collections.abc import Mapping
from typing import Any

from lab.api.calendar_event import next_run
from lab.api.schema import boolean, text
from lab.pve import formats as f
from lab.pve.backup_info import members
from lab.pve.checks import on
from lab.pve.dialect import bad_parameter, died, forbidden
from lab.pve.parameters import DELETE, ROOT_ONLY_VZDUMP, VZDUMP_OPTIONS
from lab.pve.routing import Call, endpoint

AUDIT, MODIFY = on("/", "Sys.Audit"), on("/", "Sys.Modify")
JOB_OPTIONS = {
    **VZDUMP_OPTIONS,
    "comment": text(size=(None, 512)),
    "dow": text(requires="starttime"),
    "enabled": boolean(),
    "repeat-missed": boolean(),
    "schedule": text(check=f.schedule, size=(None, 128)),
    "starttime": text(pattern=r"\d{1,2}:\d{1,2}"),
}
ID = {"id": text(pattern=r"\S+", size=(None, 50)).required()}
OBJECTS = {"prune-backups": f.PRUNE, "fleecing": f.FLEECING, "performance": f.PERFORMANCE}
SELECTIONS = ("vmid", "pool", "all")


def shown(name: str, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job as the API gives it: property strings become objects."""
    result = {"id": name, "type": "vzdump", **job}
    for key, form in OBJECTS.items():
        if key in result:
            result[key] = form.parse(result[key])
    return result


def _job(call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = call.cluster.data["jobs"].get(call.params["id"])
    if found is None:
        raise bad_parameter("id", f"No such job '{call.params['id']}'")
    return found


@endpoint("GET", "/cluster/backup", permission=AUDIT)
def list_jobs(call: Call) -> Any:
    """All jobs, with the time of their next run."""
    jobs = call.cluster.data["jobs"]
    return [
        shown(name, job) | ({"next-run": next_run(job["schedule"], time.time())} if job.get("enabled", 1) else {})
        for name, job in jobs.items()
    ]


@endpoint("GET", "/cluster/backup/{id}", ID, permission=AUDIT)
def read_job(call: Call) -> Any:
    """One job."""
    return shown(call.params["id"], _job(call))


def _check_selection(job: Mapping[str, Any]) -> None:
    if "vmid" in job:
        for other in ("pool", "all", "exclude"):
            if job.get(other):
                raise bad_parameter(other, "option conflicts with option 'vmid'")
    if not any(job.get(selection) for selection in SELECTIONS):
        raise bad_parameter("vmid", "property is missing and it is not optional")


def _check_rights(call: Call, job: Mapping[str, Any]) -> None:
    for option in ROOT_ONLY_VZDUMP:
        if option in call.params and not call.who.is_root:
            raise forbidden("Only root may set this option.")
    permissions = call.cluster.permissions
    if "storage" in job:
        permissions.require(call.who, f"/storage/{job['storage']}", ["Datastore.Allocate"])
    if "pool" in job:
        if job["pool"] not in call.cluster.data["pools"]:
            raise died(f"pool '{job['pool']}' does not exist")
        permissions.require(call.who, f"/pool/{job['pool']}", ["VM.Backup"])


@endpoint("POST", "/cluster/backup", {**JOB_OPTIONS, "id": text(check=f.config_id)}, permission=MODIFY)
def create_job(call: Call) -> Any:
    """Make a job."""
    job = {name: value for name, value in call.params.items() if name not in ("id", "dow", "starttime")}
    _set_schedule(call, job)
    if "schedule" not in job:
        raise bad_parameter("schedule", "property is missing and it is not optional")
    _check_selection(job)
    _check_rights(call, job)
    name = call.get("id") or f"backup-{int(time.time()):x}"
    with call.cluster.store.edit() as data:
        if name in data["jobs"]:
            raise died(f"Job '{name}' already exists")
        data["jobs"][name] = {"enabled": 1} | job


def _set_schedule(call: Call, job: dict[str, Any]) -> None:
    if "starttime" not in call.params:
        return
    if "schedule" in call.params:
        raise bad_parameter("starttime", "'starttime' and 'schedule' may not both be set")
    days = call.get("dow", "")
    job["schedule"] = f"{days} {call.params['starttime']}".strip()


@endpoint("PUT", "/cluster/backup/{id}", {**JOB_OPTIONS, **DELETE, **ID}, permission=MODIFY)
def update_job(call: Call) -> Any:
    """Change a job; giving one kind of selection drops the others."""
    before = _job(call)
    given = {name: value for name, value in call.params.items() if name not in ("id", "delete", "dow", "starttime")}
    _set_schedule(call, given)
    dropped = set(f.split_list(call.get("delete", "")))
    for option in dropped - set(JOB_OPTIONS):
        raise bad_parameter("delete", f"unknown option '{option}'")
    if given.get("pool") or given.get("all"):
        dropped |= {"vmid"} - set(given)
    if given.get("vmid"):
        dropped |= {"pool", "all", "exclude"} - set(given)
    job = {name: value for name, value in before.items() if name not in dropped} | given
    _check_selection(job)
    _check_rights(call, job)
    with call.cluster.store.edit() as data:
        data["jobs"][call.params["id"]] = job


@endpoint("DELETE", "/cluster/backup/{id}", ID, permission=MODIFY)
def delete_job(call: Call) -> Any:
    """Remove a job; the backups it made stay."""
    _job(call)
    with call.cluster.store.edit() as data:
        del data["jobs"][call.params["id"]]


def _volumes(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [key for key in config if key == "rootfs" or (key.startswith("mp") and key[2:].isdigit())]
    found = []
    for name in names:
        values = (f.ROOTFS if name == "rootfs" else f.MOUNT_POINT).parse(config[name])
        included = name == "rootfs" or values.get("backup") == "1"
        found.append(
            {
                "id": name,
                "name": values["volume"],
                "included": included,
                "reason": "rootfs" if name == "rootfs" else "enabled" if included else "disabled",
            }
        )
    return found


@endpoint("GET", "/cluster/backup/{id}/included_volumes", ID, permission=AUDIT)
def included_volumes(call: Call) -> Any:
    """Return the guests and volumes a job covers."""
    guests = call.cluster.guests()
    covered = [vmid for vmid in members(call.cluster, _job(call)) if vmid in guests]
    return {
        "children": [
            {
                "id": vmid,
                "name": guests[vmid]["config"]["hostname"],
                "type": "lxc",
                "children": _volumes(guests[vmid]["config"]),
            }
            for vmid in covered
        ]
    }
