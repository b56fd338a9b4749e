"""/pools: groups of guests and storages that permissions and backup jobs refer to."""

from typing import Any

from lab.api.errors import ApiError
from lab.api.schema import boolean, text
from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.cluster import Cluster
from lab.pve.dialect import died
from lab.pve.guests import status_of
from lab.pve.routing import Call, endpoint

POOL = {"poolid": text(check=f.pool_id).required()}
MEMBER_TYPES = ("qemu", "lxc", "storage")
CHANGES = {
    "allow-move": boolean(),
    "comment": text(),
    "delete": boolean(),
    "storage": text(check=f.each(f.storage_id)),
    "vms": text(check=f.each(f.vmid)),
}
ALLOCATE = on("/pool/{poolid}", "Pool.Allocate")


def _pool(call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = call.cluster.data["pools"].get(call.params["poolid"])
    if found is None:
        raise died(f"pool '{call.params['poolid']}' does not exist")
    return found


def _members(cluster: Cluster, pool: dict[str, Any], kind: str | None) -> list[dict[str, Any]]:
    guests = [
        {"id": f"lxc/{vmid}", "node": cluster.node, "type": "lxc", **status_of(cluster, int(vmid))}
        for vmid in pool["vms"]
        if int(vmid) in cluster.guests()
    ]
    storages = [
        {"id": f"storage/{cluster.node}/{name}", "node": cluster.node, "type": "storage", "storage": name}
        for name in pool["storage"]
    ]
    return [member for member in [*guests, *storages] if kind in (None, member["type"])]


def _shown(call: Call, name: str) -> dict[str, Any]:
    pool = call.cluster.data["pools"][name]
    return {"poolid": name} | ({"comment": pool["comment"]} if pool.get("comment") else {})


@endpoint("GET", "/pools", {"poolid": text(check=f.pool_id), "type": text(enum=MEMBER_TYPES, requires="poolid")})
def list_pools(call: Call) -> Any:
    """Return the pools the caller may see, or one with its members."""
    allowed = call.cluster.permissions
    if "poolid" in call.params:
        allowed.require(call.who, f"/pool/{call.params['poolid']}", ["Pool.Audit"])
        members = _members(call.cluster, _pool(call), call.get("type"))
        return [_shown(call, call.params["poolid"]) | {"members": members}]
    return [
        _shown(call, name)
        for name in call.cluster.data["pools"]
        if allowed.has(call.who, f"/pool/{name}", ["Pool.Audit"])
    ]


@endpoint(
    "GET", "/pools/{poolid}", {**POOL, "type": text(enum=MEMBER_TYPES)}, permission=on("/pool/{poolid}", "Pool.Audit")
)
def read_pool(call: Call) -> Any:
    """One pool with its members."""
    pool = _pool(call)
    return {"members": _members(call.cluster, pool, call.get("type"))} | (
        {"comment": pool["comment"]} if pool.get("comment") else {}
    )


@endpoint("POST", "/pools", {**POOL, "comment": text()}, permission=ALLOCATE)
def create_pool(call: Call) -> Any:
    """Make an empty pool."""
    with call.cluster.store.edit() as data:
        if call.params["poolid"] in data["pools"]:
            raise died(f"create pool failed: pool '{call.params['poolid']}' already exists")
        data["pools"][call.params["poolid"]] = {"comment": call.get("comment", ""), "vms": [], "storage": []}


@endpoint("PUT", "/pools", {**POOL, **CHANGES}, permission=ALLOCATE)
def update_pool(call: Call) -> Any:
    """Change the comment, add members or, with `delete`, remove them."""
    pool = _pool(call)
    with call.cluster.store.edit() as data:
        if "comment" in call.params:
            pool["comment"] = call.params["comment"]
        for kind in ("vms", "storage"):
            for member in f.split_list(call.get(kind, "")):
                _change_member(call, data, pool, kind, member)


def _change_member(call: Call, data: dict[str, Any], pool: dict[str, Any], kind: str, member: str) -> None:
    if call.get("delete"):
        if member not in pool[kind]:
            raise died(f"update pool failed: '{member}' is not a pool member")
        pool[kind].remove(member)
        return
    path = "vms" if kind == "vms" else "storage"
    call.cluster.permissions.require(
        call.who, f"/{path}/{member}", ["VM.Allocate" if kind == "vms" else "Datastore.Allocate"]
    )
    for name, other in data["pools"].items():
        if kind == "vms" and member in other[kind] and other is not pool:
            if not call.get("allow-move"):
                raise died(
                    f"update pool failed: VM {member} belongs already to pool '{name}' and 'allow-move' is not set"
                )
            other[kind].remove(member)
    if member not in pool[kind]:
        pool[kind].append(member)


@endpoint("PUT", "/pools/{poolid}", {**POOL, **CHANGES}, permission=ALLOCATE)
def update_pool_by_path(call: Call) -> Any:
    """Do the same in its older form."""
    update_pool(call)


@endpoint("DELETE", "/pools", POOL, permission=ALLOCATE)
def delete_pool(call: Call) -> Any:
    """Remove an empty pool."""
    pool = _pool(call)
    for kind, word in (("vms", "VM"), ("storage", "storage")):
        if pool[kind]:
            raise ApiError(
                500,
                f"delete pool failed: pool '{call.params['poolid']}' is not empty (contains {word} {pool[kind][0]})",
            )
    with call.cluster.store.edit() as data:
        del data["pools"][call.params["poolid"]]


@endpoint("DELETE", "/pools/{poolid}", POOL, permission=ALLOCATE)
def delete_pool_by_path(call: Call) -> Any:
    """Do the same in its older form."""
    delete_pool(call)
