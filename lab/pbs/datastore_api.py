"""/admin/datastore: datastores, their namespaces and groups, and work on them."""

import shutil
from collections.abc import Callable
from typing import Any

from lab.api.schema import boolean, text
from lab.api.tasks import Log
from lab.pbs.datastore import Datastore, Snapshot
from lab.pbs.dialect import refused
from lab.pbs.jobs import apply_marks, prune, verify
from lab.pbs.parameters import DEPTH, GROUP, KEEP, NS, SAFE, STORE, TYPE, VERIFY_OPTIONS
from lab.pbs.prune import select
from lab.pbs.routing import Call, acl_path, endpoint
from lab.pbs.snapshots_api import require_group

BASE = "/admin/datastore/{store}"
LOOK = ("Datastore.Audit", "Datastore.Modify", "Datastore.Backup")


def visible_datastores(call: Call) -> list[Datastore]:
    """Return the datastores in which the caller may see anything."""
    found = []
    for name, datastore in call.server.datastores.items():
        paths = [acl_path(name, ns) for ns in datastore.namespaces()]
        if any(call.server.permissions.of(call.authid, path) for path in paths):
            found.append(datastore)
    return found


@endpoint("GET", "/admin/datastore")
def list_datastores(call: Call) -> Any:
    """List the visible datastores."""
    return [
        {
            "store": store.name,
            "comment": call.server.data["datastores"][store.name].get("comment", ""),
            "mount-status": "nonremovable",
            "backend-type": "filesystem",
        }
        | _maintenance(call, store.name)
        for store in visible_datastores(call)
    ]


def _maintenance(call: Call, name: str) -> dict[str, str]:
    mode = call.server.data["datastores"][name].get("maintenance")
    return {"maintenance": mode} if mode else {}


def usage(datastore: Datastore) -> dict[str, int]:
    """Return total, used and available bytes."""
    held = shutil.disk_usage(datastore.root)
    return {"total": held.total, "used": held.used, "avail": held.free}


@endpoint("GET", f"{BASE}/status", {**STORE, "verbose": boolean()})
def datastore_status(call: Call) -> Any:
    """Tell how full a datastore is."""
    datastore = call.server.datastore(call.params["store"])
    call.server.permissions.require(call.authid, call.acl_path(), "Datastore.Audit", "Datastore.Backup")
    return {**usage(datastore), "backend-type": "filesystem"}


@endpoint("GET", "/status/datastore-usage")
def datastore_usage(call: Call) -> Any:
    """Tell how full the visible datastores are."""
    return [
        {"store": store.name, "mount-status": "nonremovable", "backend-type": "filesystem", **usage(store)}
        for store in visible_datastores(call)
    ]


@endpoint("GET", f"{BASE}/namespace", {**STORE, "max-depth": DEPTH, "parent": NS})
def list_namespaces(call: Call) -> Any:
    """List the namespaces the caller may see, the root as an empty name."""
    datastore = call.server.datastore(call.params["store"])
    found = list(datastore.namespaces(call.get("parent", ""), call.get("max-depth", 7)))
    seen = [ns for ns in found if call.server.permissions.has(call.authid, call.acl_path(ns), *LOOK)]
    if not seen:
        call.server.permissions.require(call.authid, call.acl_path(call.get("parent", "")), *LOOK)
    return [{"ns": ns} for ns in seen]


@endpoint("POST", f"{BASE}/namespace", {**STORE, "name": text(pattern=SAFE, size=(1, 32)).required(), "parent": NS})
def create_namespace(call: Call) -> Any:
    """Make a namespace and return its full name."""
    parent = call.get("parent", "")
    call.server.permissions.require(call.authid, call.acl_path(parent), "Datastore.Modify")
    return call.server.datastore(call.params["store"]).create_namespace(parent, call.params["name"])


@endpoint(
    "DELETE",
    f"{BASE}/namespace",
    {**STORE, "ns": NS.required(), "delete-groups": boolean(), "error-on-protected": boolean()},
)
def delete_namespace(call: Call) -> Any:
    """Remove a namespace, with its backups only by explicit wish."""
    call.server.permissions.require(call.authid, call.acl_path(call.ns.rpartition("/")[0]), "Datastore.Modify")
    datastore = call.server.datastore(call.params["store"])
    datastore.delete_namespace(call.ns, groups=bool(call.get("delete-groups")))


def _files(snap: Snapshot) -> list[str]:
    return [item["filename"] for item in snap.manifest()["files"]] if snap.finished else []


@endpoint("GET", f"{BASE}/groups", {**STORE, "ns": NS})
def list_groups(call: Call) -> Any:
    """List groups with their last snapshot, which may be an unfinished one."""
    call.server.permissions.require(call.authid, call.acl_path(), "Datastore.Audit", "Datastore.Backup")
    everyone = call.server.permissions.has(call.authid, call.acl_path(), "Datastore.Audit")
    return [
        {
            "backup-type": kind,
            "backup-id": ident,
            "last-backup": held[-1].time,
            "backup-count": len(held),
            "files": _files(held[-1]),
            "owner": held[-1].owner,
        }
        for (kind, ident), held in call.server.datastore(call.params["store"]).groups(call.ns).items()
        if held and (everyone or held[-1].owner == call.authid)
    ]


@endpoint("DELETE", f"{BASE}/groups", {**STORE, **GROUP, "ns": NS, "error-on-protected": boolean()})
def delete_group(call: Call) -> Any:
    """Remove a group with all its snapshots."""
    require_group(call, "Datastore.Modify", "Datastore.Prune")
    datastore = call.server.datastore(call.params["store"])
    datastore.remove_group(call.ns, call.params["backup-type"], call.params["backup-id"])


@endpoint("POST", f"{BASE}/prune", {**STORE, **GROUP, **KEEP, "ns": NS, "dry-run": boolean(), "use-task": boolean()})
def prune_group(call: Call) -> Any:
    """Prune one group and tell what is kept."""
    require_group(call, "Datastore.Modify", "Datastore.Prune")
    datastore = call.server.datastore(call.params["store"])
    held = datastore.groups(call.ns).get((call.params["backup-type"], call.params["backup-id"]), [])
    marks = select(held, call.params)
    apply_marks(datastore, marks, lambda _: None, dry_run=bool(call.get("dry-run")))
    return [
        {
            "backup-type": snap.type,
            "backup-id": snap.id,
            "backup-time": snap.time,
            "keep": mark != "remove",
            "protected": mark == "protected",
        }
        for snap, mark in sorted(marks.items(), key=lambda item: item[0].time)
    ]


def _task(call: Call, kind: str, work: Callable[[Datastore, Log], None]) -> str:
    datastore = call.server.datastore(call.params["store"])
    return call.server.tasks.start(kind, call.params["store"], call.authid, lambda log: work(datastore, log))


@endpoint("POST", f"{BASE}/prune-datastore", {**STORE, **KEEP, "ns": NS, "max-depth": DEPTH, "dry-run": boolean()})
def prune_datastore(call: Call) -> Any:
    """Prune all groups of a namespace and those below."""
    call.server.permissions.require(call.authid, call.acl_path(), "Datastore.Modify", "Datastore.Prune")
    dry_run = bool(call.get("dry-run"))
    return _task(call, "prune", lambda datastore, log: prune(datastore, call.params, log, dry_run=dry_run))


@endpoint(
    "POST",
    f"{BASE}/verify",
    {
        **STORE,
        **VERIFY_OPTIONS,
        "backup-type": TYPE,
        "backup-id": text(pattern=SAFE),
        "backup-time": KEEP["keep-last"],
    },
)
def verify_datastore(call: Call) -> Any:
    """Verify snapshots: one, or all of a namespace and those below."""
    call.server.permissions.require(call.authid, call.acl_path(), "Datastore.Verify", "Datastore.Backup")
    if "backup-id" in call.params or "backup-time" in call.params:
        return _task(call, "verify", lambda datastore, log: _verify_some(call, datastore, log))
    return _task(call, "verify", lambda datastore, log: verify(datastore, call.params, log.task.upid, log))


def _verify_some(call: Call, datastore: Datastore, log: Log) -> None:
    wanted = [
        snap
        for snap in datastore.snapshots(call.ns)
        if call.get("backup-id", snap.id) == snap.id and call.get("backup-time", snap.time) == snap.time
    ]
    broken = [snap.name for snap in wanted if snap.finished and not datastore.verify(snap, log.task.upid)]
    log(f"{len(wanted)} snapshots checked")
    if broken:
        raise refused(f"verification failed: {', '.join(broken)}")
