"""/version and /nodes: what the node is."""

import time
from typing import Any

from lab.api.schema import text
from lab.pve.checks import on
from lab.pve.parameters import NODE
from lab.pve.routing import Call, endpoint
from lab.site import BRIDGES

VERSION = {"version": "9.2.11", "release": "9.2", "repoid": "0000000000000000"}
MEMORY, DISK, CORES = 16 << 30, 100 << 30, 4


@endpoint("GET", "/version")
def version(_: Call) -> Any:
    """Return the version of the API."""
    return VERSION


@endpoint("GET", "/nodes/{node}/version", NODE)
def node_version(_: Call) -> Any:
    """Return the version the node runs."""
    return VERSION


def summary(call: Call) -> dict[str, Any]:
    """Return the node as lists show it."""
    shown = {"node": call.node, "id": f"node/{call.node}", "type": "node", "status": "online", "level": ""}
    if not call.cluster.permissions.has(call.who, f"/nodes/{call.node}", ["Sys.Audit"]):
        return shown
    return shown | {
        "maxcpu": CORES,
        "maxmem": MEMORY,
        "maxdisk": DISK,
        "cpu": 0.01,
        "mem": MEMORY // 8,
        "disk": DISK // 10,
        "uptime": int(time.time() - call.cluster.started),
    }


@endpoint("GET", "/nodes")
def list_nodes(call: Call) -> Any:
    """Return the only node."""
    return [summary(call)]


@endpoint("GET", "/nodes/{node}/status", NODE, permission=on("/nodes/{node}", "Sys.Audit"))
def node_status(call: Call) -> Any:
    """How the node does."""
    return {
        "uptime": int(time.time() - call.cluster.started),
        "pveversion": "pve-manager/9.2.11",
        "cpuinfo": {"cpus": CORES},
        "memory": {"total": MEMORY, "used": MEMORY // 8, "free": MEMORY // 8 * 7},
        "rootfs": {"total": DISK, "used": DISK // 10, "avail": DISK // 10 * 9},
    }


@endpoint(
    "GET",
    "/nodes/{node}/network",
    {
        **NODE,
        "type": text(
            enum=(
                "bridge",
                "bond",
                "eth",
                "alias",
                "vlan",
                "fabric",
                "OVSBridge",
                "OVSBond",
                "OVSPort",
                "OVSIntPort",
                "vnet",
                "any_bridge",
                "any_local_bridge",
                "include_sdn",
            )
        ),
    },
)
def node_network(_: Call) -> Any:
    """Return the node's bridges and their addresses."""
    bridges = {name: cidr for name, cidr in BRIDGES.items() if name.startswith("vmbr")}  # not the internet's
    return [
        {
            "iface": name,
            "type": "bridge",
            "active": 1,
            "autostart": 1,
            "method": "static",
            "cidr": cidr,
            "address": cidr.partition("/")[0],
            "netmask": cidr.partition("/")[2],
        }
        for name, cidr in bridges.items()
    ]
