"""/cluster: guests at a glance, free VMIDs, the cluster's firewall switch."""

from typing import Any

from lab.api.schema import boolean, integer, text
from lab.pve import formats as f
from lab.pve import node
from lab.pve.checks import on
from lab.pve.dialect import bad_parameter
from lab.pve.firewall_filter import apply_all
from lab.pve.guests import status_of
from lab.pve.options import apply_options, check_digest, digest
from lab.pve.parameters import DELETE, DIGEST, POLICY, VMID
from lab.pve.routing import Call, endpoint
from lab.pve.storage import visible

FIRST_VMID = 100


@endpoint("GET", "/cluster/nextid", {"vmid": VMID})
def next_id(call: Call) -> Any:
    """Return a free VMID, or tell whether the given one is free."""
    used = call.cluster.guests()
    if "vmid" in call.params:
        if call.vmid in used:
            raise bad_parameter("vmid", f"VM {call.vmid} already exists")
        return str(call.vmid)
    return str(next(vmid for vmid in range(FIRST_VMID, 1_000_000) if vmid not in used))


@endpoint("GET", "/cluster/resources", {"type": text(enum=("vm", "storage", "node", "sdn"))})
def resources(call: Call) -> Any:
    """Guests, storages, the node and networks, as far as the caller may see them."""
    wanted = call.get("type")
    kinds = {"vm": _guests, "storage": _storages, "node": lambda c: [node.summary(c)], "sdn": _networks}
    return [item for kind, lister in kinds.items() if wanted in (None, kind) for item in lister(call)]


def _guests(call: Call) -> list[dict[str, Any]]:
    cluster = call.cluster
    seen = [vmid for vmid in cluster.guests() if cluster.permissions.has(call.who, f"/vms/{vmid}", ["VM.Audit"])]
    return [_guest(call, vmid) for vmid in seen]


def _guest(call: Call, vmid: int) -> dict[str, Any]:
    status = status_of(call.cluster, vmid)
    keys = (
        "name",
        "status",
        "maxmem",
        "maxdisk",
        "mem",
        "disk",
        "cpu",
        "uptime",
        "netin",
        "netout",
        "diskread",
        "diskwrite",
        "tags",
        "lock",
        "template",
    )
    shown = {key: status[key] for key in keys if key in status}
    pool = call.cluster.pool_of(vmid)
    return {
        "id": f"lxc/{vmid}",
        "type": "lxc",
        "vmid": vmid,
        "node": call.node,
        "maxcpu": status["cpus"],
        "template": 0,
        **shown,
    } | ({"pool": pool} if pool else {})


def _storages(call: Call) -> list[dict[str, Any]]:
    return [
        {
            "id": f"storage/{call.node}/{name}",
            "type": "storage",
            "storage": name,
            "node": call.node,
            "status": "available",
            "content": held["content"],
            "plugintype": held["type"],
            "shared": int(held["type"] == "pbs"),
        }
        for name, held in visible(call).items()
    ]


def _networks(call: Call) -> list[dict[str, Any]]:
    return [
        {"id": f"sdn/{call.node}/localnetwork", "type": "sdn", "sdn": "localnetwork", "node": call.node, "status": "ok"}
    ]


@endpoint("GET", "/cluster/firewall/options", permission=on("/", "Sys.Audit"))
def read_options(call: Call) -> Any:
    """Return the cluster's firewall options."""
    options = call.cluster.data["firewall"]["options"]
    return {**options, "digest": digest(options)}


@endpoint(
    "PUT",
    "/cluster/firewall/options",
    {
        **DELETE,
        **DIGEST,
        "ebtables": boolean(),
        "enable": integer(0),
        "log_ratelimit": text(check=f.LOG_RATELIMIT.parse),
        "policy_forward": text(enum=("ACCEPT", "DROP")),
        "policy_in": POLICY,
        "policy_out": POLICY,
    },
    permission=on("/", "Sys.Modify"),
)
def update_options(call: Call) -> Any:
    """Change the cluster's firewall options; `enable` switches every guest's firewall."""
    with call.cluster.store.edit() as data:
        options = data["firewall"]["options"]
        check_digest(call, digest(options))
        apply_options(options, call.params)
    apply_all(call.cluster)


@endpoint("GET", "/cluster/firewall/rules", permission=on("/", "Sys.Audit"))
def list_rules(_: Call) -> Any:
    """Return nothing: the cluster has no rules of its own."""
    return []
