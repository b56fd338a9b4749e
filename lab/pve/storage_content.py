"""What lies on a storage: templates, disks, backups."""

from typing import Any
from urllib.parse import quote

from lab.api.schema import boolean, integer, text
from lab.pve import formats as f
from lab.pve.backup_stores import BackupError
from lab.pve.backups import open_store
from lab.pve.cluster import Cluster
from lab.pve.dialect import died, forbidden
from lab.pve.parameters import NODE, VMID
from lab.pve.routing import Call, endpoint
from lab.pve.storage import CONTENT, LOOK, STORAGE, split_volume

VOLUME = {**NODE, "storage": text(check=f.storage_id), "volume": text().required()}


def templates_on(cluster: Cluster, storage: str) -> list[dict[str, Any]]:
    """Container templates on a file-based storage."""
    held = sorted(cluster.storage_path(storage, "template", "cache").glob("*.tar.*"))
    return [
        {
            "volid": f"{storage}:vztmpl/{path.name}",
            "content": "vztmpl",
            "format": "t" + path.name.rpartition(".")[2],
            "size": path.stat().st_size,
            "ctime": int(path.stat().st_ctime),
        }
        for path in held
    ]


def _disks_on(cluster: Cluster, storage: str) -> list[dict[str, Any]]:
    return [
        {"volid": name, "content": "rootdir", "format": "raw", "size": held["size"], "vmid": held["vmid"]}
        for name, held in cluster.data["volumes"].items()
        if name.startswith(f"{storage}:")
    ]


def _contents(call: Call, storage: str) -> list[dict[str, Any]]:
    kinds = call.cluster.storage(storage)["content"].split(",")
    found: list[dict[str, Any]] = []
    if "vztmpl" in kinds:
        found += templates_on(call.cluster, storage)
    if "rootdir" in kinds:
        found += _disks_on(call.cluster, storage)
    if "backup" in kinds:
        try:
            found += open_store(call.cluster, storage).contents()
        except BackupError as error:
            raise died(str(error)) from None
    return found


def _may_see(call: Call, storage: str, item: dict[str, Any]) -> bool:
    if item["content"] == "vztmpl":
        return True
    has = call.cluster.permissions.has
    needed = "VM.Backup" if item["content"] == "backup" else "VM.Config.Disk"
    return has(call.who, f"/storage/{storage}", ["Datastore.Allocate"]) or has(
        call.who, f"/vms/{item['vmid']}", [needed]
    )


@endpoint(
    "GET", "/nodes/{node}/storage/{storage}/content", {**STORAGE, "content": CONTENT, "vmid": VMID}, permission=LOOK
)
def list_content(call: Call) -> Any:
    """Templates, disks and backups on a storage, as far as the caller may see them."""
    storage = call.params["storage"]
    return [
        item
        for item in _contents(call, storage)
        if call.get("content", item["content"]) == item["content"]
        and call.get("vmid", item.get("vmid")) == item.get("vmid")
        and _may_see(call, storage, item)
    ]


def _volume(call: Call) -> tuple[str, dict[str, Any]]:
    volume = call.params["volume"]
    if ":" not in volume:
        volume = f"{call.params['storage']}:{volume}"
    storage, _ = split_volume(call.cluster, volume)
    item = next((item for item in _contents(call, storage) if item["volid"] == volume), None)
    if item is None:
        raise died(f"volume '{volume}' does not exist")
    return storage, item


@endpoint("GET", "/nodes/{node}/storage/{storage}/content/{volume}", VOLUME)
def read_volume(call: Call) -> Any:
    """One volume."""
    storage, item = _volume(call)
    if not _may_see(call, storage, item):
        raise forbidden(f"/storage/{storage}, Datastore.Allocate")
    return {
        "path": f"/var/lib/vz/{item['volid'].partition(':')[2]}",
        "format": item["format"],
        "size": item["size"],
        "used": item["size"],
    } | {key: item[key] for key in ("notes", "protected") if key in item}


@endpoint(
    "PUT", "/nodes/{node}/storage/{storage}/content/{volume}", {**VOLUME, "notes": text(), "protected": boolean()}
)
def update_volume(call: Call) -> Any:
    """Change notes and protection of a backup."""
    storage, item = _volume(call)
    if item["content"] != "backup" or not _may_see(call, storage, item):
        raise forbidden(f"/storage/{storage}, Datastore.Allocate")
    open_store(call.cluster, storage).annotate(item["volid"], notes=call.get("notes"), protected=call.get("protected"))


@endpoint("DELETE", "/nodes/{node}/storage/{storage}/content/{volume}", {**VOLUME, "delay": integer(1, 30)})
def delete_volume(call: Call) -> Any:
    """Remove a template or a backup; its task."""
    storage, item = _volume(call)
    if item["content"] == "backup" and _may_see(call, storage, item):
        call.cluster.permissions.require(call.who, f"/storage/{storage}", ["Datastore.AllocateSpace"])
    else:
        call.cluster.permissions.require(call.who, f"/storage/{storage}", ["Datastore.Allocate"])
    ident = f"{item.get('vmid', '')}@{storage}" if "vmid" in item else quote(item["volid"].partition(":")[2], safe="")
    return call.cluster.tasks.start("imgdel", ident, call.who.authid, lambda _: _delete(call.cluster, storage, item))


def _delete(cluster: Cluster, storage: str, item: dict[str, Any]) -> None:
    if item["content"] == "backup":
        open_store(cluster, storage).delete(item["volid"])
    elif item["content"] == "vztmpl":
        (cluster.storage_path(storage, "template", "cache") / item["volid"].partition("/")[2]).unlink(missing_ok=True)
    else:
        raise died(f"can't remove volume '{item['volid']}' of a guest")
