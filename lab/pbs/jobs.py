"""What jobs do: prune by rules, verify by checksum; and how their last run went."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lab.api.calendar_event import next_run
from lab.api.tasks import Log as TaskLog
from lab.api.tasks import TaskError
from lab.pbs.datastore import Datastore, Snapshot, snapshot_name
from lab.pbs.prune import select
from lab.pbs.server import BackupServer

Log = Callable[[str], None]
SECONDS_PER_DAY = 86_400
DEEPEST = 7


def namespaces(datastore: Datastore, options: Mapping[str, Any]) -> Iterator[str]:
    """Yield the namespaces a job covers: `ns` and, unless `max-depth` says less, all below it."""
    return datastore.namespaces(options.get("ns", ""), options.get("max-depth", DEEPEST))


def prune(datastore: Datastore, options: Mapping[str, Any], log: Log, *, dry_run: bool = False) -> None:
    """Apply keep rules to every group the options cover."""
    for ns in namespaces(datastore, options):
        for (kind, ident), held in datastore.groups(ns).items():
            log(f'Pruning group {ns}:"{kind}/{ident}"')
            apply_marks(datastore, select(held, options), log, dry_run=dry_run)


def apply_marks(datastore: Datastore, marks: Mapping[Snapshot, str], log: Log, *, dry_run: bool) -> None:
    """Remove what is marked so."""
    for snap, mark in sorted(marks.items(), key=lambda item: item[0].time):
        log(f"{mark} {snap.type}/{snap.id}/{snapshot_name(snap.time)}")
        if mark == "remove" and not dry_run:
            datastore.remove(snap)


def _wanted(snap: Snapshot, options: Mapping[str, Any]) -> bool:
    verification = snap.manifest().get("verification")
    if not options.get("ignore-verified", 1) or not verification:
        return True
    age = time.time() - float(verification.get("time", 0))
    return bool(options.get("outdated-after")) and age > int(options["outdated-after"]) * SECONDS_PER_DAY


def verify(datastore: Datastore, options: Mapping[str, Any], upid: str, log: Log) -> None:
    """Check the snapshots the options cover; TaskError when one is broken."""
    failed = []
    for ns in namespaces(datastore, options):
        for snap in [snap for snap in datastore.snapshots(ns) if snap.finished and _wanted(snap, options)]:
            log(f"verify {datastore.name}:{snap.type}/{snap.id}/{snap.name}")
            if not datastore.verify(snap, upid):
                failed.append(f"{snap.type}/{snap.id}/{snap.name}")
    if failed:
        raise TaskError("verification failed - please check the log for details")


def run_job(server: BackupServer, kind: str, name: str, authid: str) -> str:
    """Start the prune or verify job `name` now and return its UPID."""
    job = dict(server.data[kind][name])
    datastore = server.datastore(job["store"])
    worker = f"{job['store']}:{job.get('ns', '')}:{name}" if job.get("ns") else f"{job['store']}:{name}"
    task_kind = "prunejob" if kind == "prune" else "verificationjob"

    def work(log: TaskLog) -> None:
        if kind == "prune":
            prune(datastore, job, log)
        else:
            verify(datastore, job, log.task.upid, log)

    upid = server.tasks.start(task_kind, worker, authid, work)
    with server.store.edit() as data:
        data["last_runs"][f"{kind}/{name}"] = upid
    return upid


def shown_status(server: BackupServer, kind: str, name: str) -> dict[str, Any]:
    """Return a job with its last and next run, as the administration lists it."""
    job = server.data[kind][name]
    shown = {"id": name, **job}
    task = server.tasks.find(server.data["last_runs"].get(f"{kind}/{name}", ""))
    if task:
        shown["last-run-upid"] = task.upid
        if not task.running:
            shown |= {"last-run-state": task.exitstatus, "last-run-endtime": task.endtime}
    if job.get("schedule") and not job.get("disable"):
        shown["next-run"] = next_run(job["schedule"], time.time())
    return shown


def due_jobs(server: BackupServer) -> list[tuple[str, Callable[[], object]]]:
    """Return the schedule of every enabled job, with what to do when it comes due."""

    def runner(kind: str, name: str) -> Callable[[], object]:
        return lambda: run_job(server, kind, name, "root@pam")

    with server.store.read() as data:
        return [
            (job["schedule"], runner(kind, name))
            for kind in ("prune", "verify")
            for name, job in data[kind].items()
            if job.get("schedule") and not job.get("disable")
        ]
