"""The CT's backup schedule on Proxmox Backup Server and Proxmox VE.

`Reservation` comes before the container: it proves that the schedule can be made and takes it away at the very
end. `Registration` comes after the server: it makes the jobs, and its removal only pauses them, so that no backup
starts in the middle of a destroy. Backups themselves are never touched.
"""

from collections.abc import Callable, Iterable
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.backup_jobs import BackupJobs
from clients.pbs import JobKind, Pbs
from clients.proxmox import SYSTEM as PROXMOX
from providers import connections
from providers.base import Provider
from providers.pbs_checks import (
    covering_now,
    foreign,
    group_problems,
    is_ours,
    problems,
    strangers,
    uncovered,
    warnings,
)
from providers.pbs_props import RegistrationProps, ReservationProps, Schedule
from vpn import backup
from vpn.backup import Job
from vpn.errors import ConfigError, Conflict, NotFound, OwnershipError, Rejected

ATTEMPTS = 3


class ReservationProvider(Provider[ReservationProps]):
    """Proves at preview that the schedule can be made; its removal takes away what carries our mark."""

    props = ReservationProps
    computed = frozenset({"warnings", "vmids"})
    replace_on = frozenset({"job_id"})

    def on_check(self, old: ReservationProps | None, new: ReservationProps) -> ReservationProps:
        """Look at both systems when anything about the place is new; refuse with all problems at once."""
        new = new.remembering(old)
        if old and not self.on_diff(old, new):
            return new.with_(warnings=old.warnings)
        with connections.pbs() as pbs, connections.proxmox() as proxmox:
            if found := problems(pbs, proxmox, new, first=old is None):
                raise ConfigError(found)
            return new.with_(warnings=warnings(pbs, new))

    def on_create(self, new: ReservationProps) -> tuple[str, ReservationProps]:
        """Nothing is made yet: the place was proven in `check`."""
        return new.job_id, new

    def on_delete(self, id_: str, old: ReservationProps) -> None:
        """Remove the jobs that carry our mark; backups stay."""
        del id_
        with connections.pbs() as pbs:
            for kind in ("prune", "verify"):
                for job in _marked(pbs.jobs(kind), old.mark):
                    pbs.delete_job(kind, job)
        with connections.proxmox() as proxmox:
            _remove_marked(BackupJobs(proxmox), old.mark)


class RegistrationProvider(Provider[RegistrationProps]):
    """Makes the prune, verify and backup jobs and keeps them as they should be."""

    props = RegistrationProps
    computed = frozenset({"covered_by", "strangers", "vmids"})
    replace_on = frozenset({"job_id"})

    def on_check(self, old: RegistrationProps | None, new: RegistrationProps) -> RegistrationProps:
        """Write the jobs out, so that preview shows them and refresh can differ from them."""
        return new.written_out().remembering(old).with_(covered_by=(old.covered_by or None) if old else None)

    def on_diff(self, old: RegistrationProps, new: RegistrationProps) -> set[str]:
        """Count it as a change that a refresh found no job covering the CT, or others' backups: the update says so."""
        found = {"covered_by": old.covered_by == [], "strangers": bool(old.strangers)}
        return super().on_diff(old, new) | {name for name, there in found.items() if there}

    def on_create(self, new: RegistrationProps) -> tuple[str, RegistrationProps]:
        """Make the jobs, or bring ours to what they should be."""
        return new.job_id, _ensure(new)

    def on_read(self, id_: str, old: RegistrationProps) -> RegistrationProps:
        """Observe the jobs, of which one that is gone shows as empty, and whose backups lie beside ours."""
        del id_
        with connections.pbs() as pbs, connections.proxmox() as proxmox:
            own = BackupJobs(proxmox).get(old.job_id) if old.backup_job == "own" else None
            return old.with_(
                prune=_observed(pbs, "prune", old.job_id),
                verify=_observed(pbs, "verify", old.job_id),
                backup=backup.as_job(own or {}, backup.BACKUP_KEYS),
                covered_by=covering_now(proxmox, old),
                strangers=_strangers_seen(pbs, old),
            )

    def on_update(self, id_: str, old: RegistrationProps, new: RegistrationProps) -> RegistrationProps:
        """Bring the jobs to what they should be."""
        del id_, old
        return _ensure(new)

    def on_delete(self, id_: str, old: RegistrationProps) -> None:
        """Pause pruning and backups while the container goes."""
        del id_
        with connections.pbs() as pbs:
            _repeat_on_conflict(lambda: _pause_pruning(pbs, old))
        if old.backup_job == "own":
            with connections.proxmox() as proxmox:
                jobs = BackupJobs(proxmox)
                job = jobs.get(old.job_id)
                if job and is_ours(job, old.mark):
                    jobs.update(old.job_id, {"enabled": "0"}, ())


def _ensure(new: RegistrationProps) -> RegistrationProps:
    with connections.pbs() as pbs, connections.proxmox() as proxmox:
        if new.backup_job == "own":
            _repeat_on_conflict(lambda: _ensure_backup(BackupJobs(proxmox), new))
        covered = covering_now(proxmox, new)
        if not covered:  # then nothing that prunes is touched
            raise NotFound(PROXMOX, uncovered(new))
        if found := group_problems(pbs, new):
            raise ConfigError(found)
        _repeat_on_conflict(lambda: _ensure_pbs(pbs, "prune", new, new.prune))
        _repeat_on_conflict(lambda: _ensure_pbs(pbs, "verify", new, new.verify))
        if new.backup_job == "pool":
            _remove_marked(BackupJobs(proxmox), new.mark)
    return new.with_(covered_by=covered, strangers=[])


def _remove_marked(jobs: BackupJobs, mark: str) -> None:
    """Remove our own backup jobs, also one of a time when the schedule had none of its own."""
    for job in _marked(jobs.all(), mark):
        jobs.delete(job)


def _pause_pruning(pbs: Pbs, old: RegistrationProps) -> None:
    found = pbs.job("prune", old.job_id)
    if found and is_ours(found[0], old.mark):
        pbs.update_job("prune", old.job_id, {"disable": "1"}, (), found[1])


def _ensure_pbs(pbs: Pbs, kind: JobKind, new: RegistrationProps, desired: Job) -> None:
    found = pbs.job(kind, new.job_id)
    if not found:
        pbs.create_job(kind, new.job_id, desired)
        return
    _refuse_foreign(f"{kind} job", new, found[0])
    changed, gone = backup.difference(desired, backup.as_job(found[0], _keys(kind)))
    if changed or gone:
        pbs.update_job(kind, new.job_id, changed, gone, found[1])


def _ensure_backup(jobs: BackupJobs, new: RegistrationProps) -> None:
    found = jobs.get(new.job_id)
    if not found:
        jobs.create(new.job_id, new.backup)
        return
    _refuse_foreign("backup job", new, found)
    changed, gone = backup.difference(new.backup, backup.as_job(found, backup.BACKUP_KEYS))
    if changed or gone:
        jobs.update(new.job_id, changed, gone)


def _repeat_on_conflict(ensure: Callable[[], None]) -> None:
    """Look again when another writer was faster: the job then exists, or has another digest."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            ensure()
        except Conflict:
            if attempt == ATTEMPTS:
                raise
        else:
            return


def _refuse_foreign(what: str, new: Schedule, found: dict[str, Any]) -> None:
    if not is_ours(found, new.mark) and not new.adopt:
        raise OwnershipError(foreign(what, new.job_id, found))


def _marked(jobs: Iterable[dict[str, Any]], mark: str) -> list[str]:
    return [str(job["id"]) for job in jobs if is_ours(job, mark)]


def _keys(kind: JobKind) -> tuple[str, ...]:
    return backup.PRUNE_KEYS if kind == "prune" else backup.VERIFY_KEYS


def _strangers_seen(pbs: Pbs, old: RegistrationProps) -> list[str]:
    """Return whose backups lie beside ours: those known where PBS opens the namespace to nobody, as in maintenance."""
    try:
        return strangers(pbs, old)
    except (NotFound, Rejected):
        return old.strangers


def _observed(pbs: Pbs, kind: JobKind, job_id: str) -> Job:
    found = pbs.job(kind, job_id)
    return backup.as_job(found[0], _keys(kind)) if found else {}


class Reservation(Resource, module="pbs", name="Reservation"):
    """The place of the schedule, proven before the container is made."""

    warnings: pulumi.Output[list[str]]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ReservationProvider(), name, {"warnings": [], **props}, opts)


class Registration(Resource, module="pbs", name="Registration"):
    """The jobs of the schedule; `covered_by` names the backup jobs that write the CT to PBS."""

    covered_by: pulumi.Output[list[str]]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        jobs: dict[str, Any] = {"prune": {}, "verify": {}, "backup": {}, "covered_by": None}
        super().__init__(RegistrationProvider(), name, jobs | props, opts)
