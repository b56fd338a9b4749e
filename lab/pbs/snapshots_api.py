"""Snapshots of a namespace: the list, notes, protection."""

from typing import Any

from lab.api.schema import boolean, text
from lab.pbs.datastore import Snapshot
from lab.pbs.dialect import refused
from lab.pbs.parameters import GROUP, NS, SAFE, SNAPSHOT, STORE, TYPE
from lab.pbs.routing import Call, endpoint

BASE = "/admin/datastore/{store}"
ONE = {**STORE, **SNAPSHOT, "ns": NS}


def require_group(call: Call, anyone: str, owner: str) -> None:
    """Refuse a caller that neither has `anyone` on the namespace nor has `owner` there and owns the group."""
    if call.server.permissions.has(call.authid, call.acl_path(), anyone):
        return
    call.server.permissions.require(call.authid, call.acl_path(), owner)
    key = (call.params["backup-type"], call.params["backup-id"])
    held = call.server.datastore(call.params["store"]).groups(call.ns).get(key, [])
    if held and held[0].owner != call.authid:
        raise refused(f"backup owner check failed ({call.authid} != {held[0].owner})")


def _shown(snap: Snapshot) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "backup-type": snap.type,
        "backup-id": snap.id,
        "backup-time": snap.time,
        "owner": snap.owner,
        "protected": snap.protected,
        "files": [],
    }
    if not snap.finished:
        return shown
    manifest = snap.manifest()
    names = [item["filename"] for item in manifest["files"]]
    shown |= {"size": snap.size(), "files": [*names, "index.json.blob"]}
    if manifest.get("notes"):
        shown["comment"] = manifest["notes"].splitlines()[0]
    if manifest.get("verification"):
        shown["verification"] = {key: manifest["verification"][key] for key in ("state", "upid")}
    return shown


@endpoint("GET", f"{BASE}/snapshots", {**STORE, "ns": NS, "backup-type": TYPE, "backup-id": text(pattern=SAFE)})
def list_snapshots(call: Call) -> Any:
    """List the snapshots of a namespace, running and aborted ones among them (without size)."""
    permissions = call.server.permissions
    permissions.require(call.authid, call.acl_path(), "Datastore.Audit", "Datastore.Backup")
    everyone = permissions.has(call.authid, call.acl_path(), "Datastore.Audit")
    return [
        _shown(snap)
        for snap in call.server.datastore(call.params["store"]).snapshots(call.ns)
        if call.get("backup-type", snap.type) == snap.type
        and call.get("backup-id", snap.id) == snap.id
        and (everyone or snap.owner == call.authid)
    ]


def _one(call: Call, anyone: str) -> Snapshot:
    require_group(call, anyone, "Datastore.Backup")
    return call.server.datastore(call.params["store"]).find(
        call.ns, call.params["backup-type"], call.params["backup-id"], call.params["backup-time"]
    )


@endpoint("DELETE", f"{BASE}/snapshots", ONE)
def delete_snapshot(call: Call) -> Any:
    """Remove one snapshot."""
    require_group(call, "Datastore.Modify", "Datastore.Prune")
    datastore = call.server.datastore(call.params["store"])
    datastore.remove(
        datastore.find(call.ns, call.params["backup-type"], call.params["backup-id"], call.params["backup-time"])
    )


@endpoint("GET", f"{BASE}/files", ONE)
def list_files(call: Call) -> Any:
    """List the files of one snapshot."""
    snap = _one(call, "Datastore.Audit")
    return [
        {"filename": item["filename"], "size": item["size"], "crypt-mode": "none"}
        for item in (snap.manifest()["files"] if snap.finished else [])
    ]


@endpoint("GET", f"{BASE}/notes", ONE)
def read_notes(call: Call) -> Any:
    """Tell a snapshot's notes."""
    return _one(call, "Datastore.Audit").manifest().get("notes") or ""


@endpoint("PUT", f"{BASE}/notes", {**ONE, "notes": text().required()})
def write_notes(call: Call) -> Any:
    """Replace a snapshot's notes."""
    call.server.datastore(call.params["store"]).set_notes(_one(call, "Datastore.Modify"), call.params["notes"])


@endpoint("GET", f"{BASE}/protected", ONE)
def read_protected(call: Call) -> Any:
    """Tell whether a snapshot is protected."""
    return _one(call, "Datastore.Audit").protected


@endpoint("PUT", f"{BASE}/protected", {**ONE, "protected": boolean().required()})
def write_protected(call: Call) -> Any:
    """Protect a snapshot, or no longer."""
    snap = _one(call, "Datastore.Modify")
    call.server.datastore(call.params["store"]).protect(snap, protected=bool(call.params["protected"]))


def _group_notes(call: Call) -> Any:
    path = call.server.datastore(call.params["store"]).require_namespace(call.ns)
    return path / call.params["backup-type"] / call.params["backup-id"] / "notes"


@endpoint("GET", f"{BASE}/group-notes", {**STORE, **GROUP, "ns": NS})
def read_group_notes(call: Call) -> Any:
    """Tell a group's notes."""
    require_group(call, "Datastore.Audit", "Datastore.Backup")
    path = _group_notes(call)
    return path.read_text() if path.exists() else ""


@endpoint("PUT", f"{BASE}/group-notes", {**STORE, **GROUP, "ns": NS, "notes": text().required()})
def write_group_notes(call: Call) -> Any:
    """Replace a group's notes."""
    require_group(call, "Datastore.Modify", "Datastore.Backup")
    path = _group_notes(call)
    if not path.parent.exists():
        raise refused(f"group {call.params['backup-type']}/{call.params['backup-id']} does not exist")
    path.write_text(call.params["notes"])
