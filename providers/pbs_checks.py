"""What must hold before a backup schedule is made, on Proxmox Backup Server and on Proxmox VE."""

from collections.abc import Iterable, Mapping
from typing import Any

from clients.backup_jobs import BackupJobs
from clients.pbs import SYSTEM, Pbs
from clients.proxmox import Proxmox
from providers.base import anew
from providers.pbs_props import Schedule
from vpn import backup, marks
from vpn.errors import Forbidden, Problem, listed

CLOSED = "maintenance"
NAMED = 5
"""How many backup groups of others are named in one message."""
STRANGERS = (
    "holds backups of other guests ({groups}), of which this stack's prune job would remove all but its own retention; "
    "give the stack a namespace for itself. If that is wanted, or they are all this stack's, set pbs_shared_namespace"
)
RIVALS = "prune job {jobs} acts on this namespace too and keeps {keeps}: the stricter retention wins"
Found = Mapping[str, Any]
"""A job as an API answers it."""
_OWN_JOB = frozenset({"Sys.Modify", "Datastore.Allocate"})  # on / and on the storage (API viewer, POST /cluster/backup)


def problems(pbs: Pbs, proxmox: Proxmox, new: Schedule, *, first: bool) -> list[Problem]:
    """Return everything that stands against the schedule, by config key.

    `first` is whether the state has no reservation yet.
    """
    prune, verify = pbs.jobs("prune"), pbs.jobs("verify")
    renewal = _renewal_problems([*prune, *verify], new) if first else []
    if renamed := _renamed_problems([*prune, *verify], new):
        return [*renamed, *renewal]
    place = _place_problems(pbs, new) or group_problems(pbs, new)
    return [*place, *_job_problems(prune, verify, new), *_cluster_problems(proxmox, new), *renewal]


def strangers(pbs: Pbs, new: Schedule) -> list[str]:
    """Return the backup groups of others that our prune job acts on: all of the namespace, for it has no filter.

    None where that is wanted.
    """
    if new.shared:
        return []
    return [*backup.strangers(pbs.groups(new.datastore, new.namespace), {new.vmid, *new.vmids})]


def group_problems(pbs: Pbs, new: Schedule) -> list[Problem]:
    """Say whose backups our prune job would remove."""
    others = strangers(pbs, new)
    rule = STRANGERS.format(groups=listed(others, most=NAMED))
    return [Problem("pbs_namespace", repr(new.namespace), rule)] if others else []


def covering(jobs: Iterable[Mapping[str, Any]], new: Schedule) -> list[str]:
    """Return the ids of the cluster's backup jobs that write the CT, or what its pool will hold, to the storage.

    Where the pool's job is to do it, one of ours counts for nothing: it goes.
    """
    counted = (job for job in jobs if new.backup_job == "own" or not is_ours(job, new.mark))
    told = [{"id": str(job["id"]), **backup.as_job(job, backup.BACKUP_KEYS)} for job in counted]
    return list(backup.covering(told, new.storage, new.vmid, new.pool, new.node))


def covering_now(proxmox: Proxmox, new: Schedule) -> list[str]:
    """Return the ids of the jobs that write the CT as it stands: a hand may have taken it out of its pool."""
    guest = next((each for each in proxmox.guests() if each.vmid == new.vmid), None)
    there = new.with_(pool=guest.pool, node=guest.node) if guest else new
    return covering(BackupJobs(proxmox).all(), there)


def uncovered(new: Schedule) -> str:
    """Say that no backup job covers the CT."""
    what = f"pool {new.pool!r}" if new.backup_job == "pool" else f"CT {new.vmid}"
    return f"no enabled backup job writes {what} to storage {new.storage!r}; an administrator has to make one"


def is_ours(job: Mapping[str, Any], mark: str) -> bool:
    """Whether a job carries our mark, and nothing else, as its comment."""
    return bool(mark) and str(job.get("comment", "")).strip() == mark


def foreign(what: str, job_id: str, job: Mapping[str, Any]) -> str:
    """Say that a job of our name belongs to somebody else, to whom if its comment tells, and the ways out."""
    stack = marks.stack_of(str(job.get("comment", "")))
    whose = f"is stack {stack}'s" if stack else "is not ours"
    return f"the {what} {job_id!r} exists and {whose}; rename or remove it, or set pbs_adopt to take it over"


def _place_problems(pbs: Pbs, new: Schedule) -> list[Problem]:
    store = pbs.datastores().get(new.datastore)
    if store is None:
        return [Problem("pbs_datastore", repr(new.datastore), "is no datastore that the token may see")]
    if store.get(CLOSED):
        return [Problem("pbs_datastore", repr(new.datastore), "is in maintenance mode")]
    if new.namespace and new.namespace not in pbs.namespaces(new.datastore):
        return [
            Problem(
                "pbs_namespace", repr(new.namespace), "does not exist; PVE does not make it: create it on PBS first"
            )
        ]
    missing = sorted(backup.NEEDED - pbs.privileges(new.place.acl_path))
    rule = f"lacks {', '.join(missing)} on {new.place.acl_path} (given to both the user and the token)"
    return [Problem("pbs_token", None, rule)] if missing else []


def _renewal_problems(jobs: Iterable[Found], new: Schedule) -> list[Problem]:
    """Say that the reservation is made anew beside our jobs; of a replacement the engine shows no old values."""
    present = any(job["id"] == new.job_id and is_ours(job, new.mark) for job in jobs)
    return [anew("pbs_adopt", f"job {new.job_id} is this stack's already")] if present and not new.adopt else []


def _renamed_problems(jobs: Iterable[Found], new: Schedule) -> list[Problem]:
    """Say that our jobs carry another name of this stack: all of it would count as somebody else's."""
    for job in jobs:
        if former := marks.former_name(str(job.get("comment", "")), new.mark):
            return [Problem("stack", None, f"the job {job['id']!r} {marks.RENAMED.format(former=former)}")]
    return []


def _job_problems(prune: Iterable[Found], verify: Iterable[Found], new: Schedule) -> list[Problem]:
    taken = [*_taken("prune job", prune, new), *_taken("verify job", verify, new)]
    jobs = [{"id": str(job["id"]), **backup.as_job(job, backup.PRUNE_KEYS)} for job in prune]
    others = backup.undercutting(jobs, new.place, new.job_id, new.retention.keeps())
    losing = backup.outlasting(jobs, new.place, new.job_id, new.retention.keeps())
    found = {"less": others, "more": tuple(job for job in losing if job not in others)}
    return taken + [
        Problem("pbs_namespace", repr(new.namespace), RIVALS.format(jobs=", ".join(ids), keeps=keeps))
        for keeps, ids in found.items()
        if ids
    ]


def _taken(what: str, jobs: Iterable[Mapping[str, Any]], new: Schedule) -> list[Problem]:
    """Return a problem for a job that has our id and is neither ours nor to be adopted."""
    others = [job for job in jobs if job["id"] == new.job_id and not is_ours(job, new.mark) and not new.adopt]
    return [Problem("pbs_adopt", None, foreign(what, new.job_id, job)) for job in others]


def _cluster_problems(proxmox: Proxmox, new: Schedule) -> list[Problem]:
    return _storage_problems(proxmox, new) or _backup_job_problems(proxmox, new)


def _storage_problems(proxmox: Proxmox, new: Schedule) -> list[Problem]:
    storages = {each["storage"]: each for each in proxmox.storages(new.node)}
    found = storages.get(new.storage)
    if found is None:
        return [Problem("pbs_storage", repr(new.storage), "is no storage of the node that the token may see")]
    if found.get("type") != "pbs" or "backup" not in str(found.get("content", "")):
        return [Problem("pbs_storage", repr(new.storage), "must be a storage of type pbs with content backup")]
    return []


def _backup_job_problems(proxmox: Proxmox, new: Schedule) -> list[Problem]:
    try:
        jobs = BackupJobs(proxmox).all()
    except Forbidden:
        rule = "the Proxmox VE token lacks Sys.Audit on /: whether the CT is backed up cannot be seen"
        return [Problem("proxmox_api_token", None, rule)]
    if new.backup_job == "own":
        return _taken("backup job", jobs, new) + _job_privilege(proxmox, new)
    return [] if covering(jobs, new) else [Problem("backup_job", "'pool'", uncovered(new))]


def _job_privilege(proxmox: Proxmox, new: Schedule) -> list[Problem]:
    missing = _OWN_JOB - proxmox.permissions("/") - proxmox.permissions(f"/storage/{new.storage}")
    rule = f"takes {', '.join(sorted(missing))}, which the token lacks; 'pool' lets an administrator's job cover it"
    return [Problem("backup_job", "'own'", rule)] if missing else []


def warnings(pbs: Pbs, new: Schedule) -> list[str]:
    """Return what is allowed but unwise."""
    excess = sorted(backup.EXCESSIVE & pbs.privileges(new.place.acl_path))
    return [f"{SYSTEM}: the token has {', '.join(excess)}, which nothing here needs"] if excess else []
