"""Storages: which there are, what they hold."""

import shutil
from typing import Any

from lab.api.schema import boolean, text
from lab.pve import formats as f
from lab.pve.backup_stores import BackupError
from lab.pve.backups import open_store
from lab.pve.checks import on
from lab.pve.cluster import Cluster
from lab.pve.dialect import died
from lab.pve.parameters import NODE
from lab.pve.routing import Call, endpoint

STORAGE = {**NODE, "storage": text(check=f.storage_id).required()}
LOOK = on("/storage/{storage}", "Datastore.Audit", "Datastore.AllocateSpace", any_of=True)
TYPES = (
    "btrfs",
    "cephfs",
    "cifs",
    "dir",
    "esxi",
    "iscsi",
    "iscsidirect",
    "lvm",
    "lvmthin",
    "nfs",
    "pbs",
    "rbd",
    "zfs",
    "zfspool",
)
CONTENT = text(pattern=r"[a-z]+(,[a-z]+)*")


def split_volume(cluster: Cluster, volume: str) -> tuple[str, str]:
    """Storage and name of a volume id."""
    storage, colon, name = volume.partition(":")
    if not colon or not name:
        raise died(f"unable to parse volume ID '{volume}'")
    cluster.storage(storage)
    return storage, name


def visible(call: Call) -> dict[str, dict[str, Any]]:
    """Storages the caller may use or see, by name."""
    return {
        name: held
        for name, held in call.cluster.data["storages"].items()
        if call.cluster.permissions.has(
            call.who, f"/storage/{name}", ["Datastore.Audit", "Datastore.AllocateSpace"], any_of=True
        )
    }


OURS = {"password_file", "ca_file", "datastore_path"}
"""What this stand-in keeps beside a storage's definition and tells nobody."""


def _definition(name: str, held: dict[str, Any]) -> dict[str, Any]:
    return {"storage": name, **{key: value for key, value in held.items() if key not in OURS}}


@endpoint("GET", "/storage", {"type": text(enum=TYPES)})
def list_definitions(call: Call) -> Any:
    """Definitions of the storages."""
    return [
        _definition(name, held)
        for name, held in visible(call).items()
        if call.get("type", held["type"]) == held["type"]
    ]


@endpoint(
    "GET",
    "/storage/{storage}",
    {"storage": text(check=f.storage_id).required()},
    permission=on("/storage/{storage}", "Datastore.Allocate"),
)
def read_definition(call: Call) -> Any:
    """Definition of one storage; a password is never told."""
    return _definition(call.params["storage"], call.cluster.storage(call.params["storage"]))


def _status(call: Call, name: str, held: dict[str, Any]) -> dict[str, Any]:
    usage = shutil.disk_usage(call.cluster.root)
    active = 1
    if held["type"] == "pbs":
        try:
            open_store(call.cluster, name).check()
        except BackupError:
            active = 0
    return {
        "storage": name,
        "type": held["type"],
        "content": held["content"],
        "active": active,
        "enabled": 1,
        "shared": int(held["type"] == "pbs"),
        "total": usage.total,
        "used": usage.used,
        "avail": usage.free,
        "used_fraction": round(usage.used / usage.total, 4),
    }


@endpoint(
    "GET",
    "/nodes/{node}/storage",
    {
        **NODE,
        "content": CONTENT,
        "enabled": boolean(),
        "format": boolean(),
        "storage": text(check=f.storage_id),
        "target": text(check=f.node),
    },
)
def list_storages(call: Call) -> Any:
    """Storages of the node with their state."""
    wanted = set(f.split_list(call.get("content", "")))
    return [
        _status(call, name, held)
        for name, held in visible(call).items()
        if call.get("storage", name) == name and (not wanted or wanted & set(held["content"].split(",")))
    ]


@endpoint("GET", "/nodes/{node}/storage/{storage}/status", STORAGE, permission=LOOK)
def storage_status(call: Call) -> Any:
    """State of one storage."""
    shown = _status(call, call.params["storage"], call.cluster.storage(call.params["storage"]))
    return {key: value for key, value in shown.items() if key not in ("storage", "used_fraction")}
