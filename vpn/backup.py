"""The CT's place in the backup schedule: the jobs that must stand, and what makes them worthless.

Three jobs make a schedule (PBS never fetches by itself): Proxmox VE's backup job writes snapshots of the CT
to PBS, a prune job keeps what retention says, a verify job reads the snapshots again. Each is written here
as the wire form its API takes, so that desired and observed compare key by key.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

Job = dict[str, str]
"""A job as its API writes it, all values as text, keys in the API's spelling."""

PRUNE_KEYS = (
    "store", "ns", "schedule", "max-depth", "comment", "disable",
    "keep-last", "keep-hourly", "keep-daily", "keep-weekly", "keep-monthly", "keep-yearly",
)  # fmt: skip
VERIFY_KEYS = ("store", "ns", "schedule", "max-depth", "comment", "ignore-verified", "outdated-after")
BACKUP_KEYS = (
    "storage", "schedule", "vmid", "pool", "all", "exclude", "exclude-path", "mode", "enabled", "node", "comment",
    "prune-backups",
)  # fmt: skip
KEEPS = tuple(key for key in PRUNE_KEYS if key.startswith("keep-"))
LONGEST_JOB_ID = 32
REVERIFY_DAYS = 30
CLOCK_SKEW = dt.timedelta(minutes=5)
"""How far the clocks of this machine and of the one that made a backup may be apart."""
NEEDED = frozenset({"Datastore.Audit", "Datastore.Modify", "Datastore.Verify"})
"""Privileges on the namespace that managing its prune and verify jobs takes (PBS: DatastoreAdmin)."""
EXCESSIVE = frozenset({"Permissions.Modify", "Sys.Modify", "Datastore.Allocate"})
"""Privileges nothing here needs: whoever steals the token could delete backups or give himself more."""
INDEX = "index.json.blob"
ARCHIVES = frozenset({"root.pxar.didx", "root.mpxar.didx"})


@dataclass(frozen=True)
class Retention:
    """How many backups stay, by age. A count of 0 keeps none of that age."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    @property
    def empty(self) -> bool:
        """Whether nothing would be kept on purpose: PBS takes that to mean that everything stays for ever."""
        return not any((self.last, self.daily, self.weekly, self.monthly))

    def keeps(self) -> Job:
        """Return the `keep-…` options; PBS refuses a count of 0, so that one is left out."""
        counts = {"last": self.last, "daily": self.daily, "weekly": self.weekly, "monthly": self.monthly}
        return {f"keep-{age}": str(count) for age, count in counts.items() if count}


@dataclass(frozen=True)
class Place:
    """Where backups lie on PBS: datastore and namespace (empty: the root)."""

    store: str
    namespace: str = ""

    @property
    def acl_path(self) -> str:
        """The path privileges are given on."""
        return "/".join(["/datastore", self.store, *_parts(self.namespace)])

    def job(self) -> Job:
        """Return the options that bind a job to this namespace alone, not to those below it."""
        where = {"store": self.store, "max-depth": "0"}
        return where | ({"ns": self.namespace} if self.namespace else {})

    def covered_by(self, job: Mapping[str, str]) -> bool:
        """Whether a PBS job acts on this namespace: same datastore, same namespace or one above, within its depth."""
        if job.get("store") != self.store:
            return False
        theirs, ours = _parts(job.get("ns", "")), _parts(self.namespace)
        depth = int(job.get("max-depth", "7"))
        return ours[: len(theirs)] == theirs and len(ours) - len(theirs) <= depth


def job_id(project: str, stack: str) -> str:
    """Return the id our jobs carry in PBS and Proxmox VE, within their 32 characters.

    One that has to be cut ends in digits that come from the whole: names that begin alike stay apart.
    """
    whole = f"{project}-{stack}"
    name = re.sub(r"[^A-Za-z0-9_-]", "-", whole)
    if len(name) <= LONGEST_JOB_ID:
        return name
    digits = hashlib.sha256(whole.encode()).hexdigest()[:8]
    return f"{name[: LONGEST_JOB_ID - 9]}-{digits}"


def prune_job(place: Place, schedule: str, retention: Retention, mark: str) -> Job:
    """Return the prune job: retention for our namespace alone."""
    return place.job() | retention.keeps() | {"schedule": schedule, "comment": mark}


def verify_job(place: Place, schedule: str, mark: str) -> Job:
    """Return the verify job: what was verified is read again after 30 days."""
    rules = {"ignore-verified": "1", "outdated-after": str(REVERIFY_DAYS)}
    return place.job() | rules | {"schedule": schedule, "comment": mark}


def backup_job(vmid: int, storage: str, schedule: str, mark: str) -> Job:
    """Return Proxmox VE's job that backs up this CT while it runs."""
    job = {"storage": storage, "schedule": schedule, "vmid": str(vmid)}
    return job | {"mode": "snapshot", "enabled": "1", "comment": mark}


def as_job(raw: Mapping[str, object], keys: Iterable[str]) -> Job:
    """Return what an API answered in the form desired jobs have: known keys, text values, booleans as 0 and 1.

    What Proxmox VE shows as an object or a list, though it takes text, is text again.
    """
    return {key: _text(raw[key]) for key in keys if raw.get(key) not in (None, "")}


def difference(desired: Mapping[str, str], observed: Mapping[str, str]) -> tuple[Job, tuple[str, ...]]:
    """Return the options to set and the names of those to delete, so that `observed` becomes `desired`."""
    changed = {key: value for key, value in desired.items() if observed.get(key) != value}
    return changed, tuple(sorted(key for key in observed if key not in desired))


def undercutting(
    jobs: Iterable[Mapping[str, str]], place: Place, ours: str, keeps: Mapping[str, str] = MappingProxyType({})
) -> tuple[str, ...]:
    """Return the ids of other enabled prune jobs that act on our namespace: the stricter retention wins.

    A job that keeps at least as much as `keeps`, our own retention, takes nothing away from us.
    """
    return tuple(
        sorted(
            job["id"]
            for job in _others(jobs, ours)
            if place.covered_by(job)
            and any(job.get(k) for k in KEEPS)
            and not (keeps and all(int(job.get(k, 0)) >= int(count) for k, count in keeps.items()))
        )
    )


def outlasting(jobs: Iterable[Mapping[str, str]], place: Place, ours: str, keeps: Mapping[str, str]) -> tuple[str, ...]:
    """Return the ids of other enabled prune jobs made for our very namespace that keep more than `keeps`.

    Ours would take away what they keep. One for a namespace above is made for others besides us.
    """
    return tuple(
        sorted(
            job["id"]
            for job in _others(jobs, ours)
            if (job.get("store"), _parts(job.get("ns", ""))) == (place.store, _parts(place.namespace))
            and any(int(job.get(key, 0)) > int(keeps.get(key, 0)) for key in KEEPS)
        )
    )


def _others(jobs: Iterable[Mapping[str, str]], ours: str) -> Iterator[Mapping[str, str]]:
    """Yield the enabled jobs but that with our id."""
    return (job for job in jobs if job["id"] != ours and job.get("disable") != "1")


def strangers(groups: Iterable[Mapping[str, object]], vmids: Collection[int]) -> tuple[str, ...]:
    """Return the backup groups (`ct/100`) of a namespace that are of none of these containers."""
    ours = {f"ct/{vmid}" for vmid in vmids}
    return tuple(sorted({f"{each['backup-type']}/{each['backup-id']}" for each in groups} - ours))


def covering(
    jobs: Iterable[Mapping[str, str]], storage: str, vmid: int, pool: str | None, node: str
) -> tuple[str, ...]:
    """Return the ids of enabled backup jobs that write this CT, which lives on `node`, to `storage`.

    A job may be bound to one node (option `node`): it then passes over the guests of all others.
    """
    return tuple(
        sorted(
            job["id"]
            for job in jobs
            if job.get("enabled", "1") == "1"
            and job.get("storage") == storage
            and job.get("node", node) == node
            and _selects(job, str(vmid), pool)
        )
    )


def finished(snapshot: Mapping[str, object]) -> bool:
    """Whether a snapshot is whole: PBS lists running and aborted ones too (no size, no index)."""
    files = snapshot.get("files")
    names = {_file_name(each) for each in files} if isinstance(files, list) else set()
    return snapshot.get("size") is not None and INDEX in names and bool(ARCHIVES & names) and not _failed(snapshot)


def from_future(made: dt.datetime, now: dt.datetime) -> bool:
    """Whether a backup is dated beyond what clocks may differ: its date then tells nothing, neither age nor order."""
    return made > now + CLOCK_SKEW


def _selects(job: Mapping[str, str], vmid: str, pool: str | None) -> bool:
    if job.get("all") == "1":
        return vmid not in _items(job.get("exclude", ""))
    if "pool" in job:
        return job["pool"] == pool
    return vmid in _items(job.get("vmid", ""))


def _items(text: str) -> list[str]:
    return [each for each in re.split(r"[,;\s]+", text) if each]


def _parts(namespace: str) -> list[str]:
    return [each for each in namespace.split("/") if each]


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={_text(each)}" for key, each in sorted(value.items()))
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return str(int(value)) if isinstance(value, bool | float) else str(value)


def _file_name(entry: object) -> str:
    return str(entry.get("filename", "")) if isinstance(entry, Mapping) else str(entry)


def _failed(snapshot: Mapping[str, object]) -> bool:
    verification = snapshot.get("verification")
    return isinstance(verification, Mapping) and verification.get("state") == "failed"
