"""The state of a fresh site: node, storages, pool, and the least-privilege account the stack deploys with."""

import secrets
from typing import Any

from lab.api.secrets import hash_secret
from lab.credentials import PVE_PROGRAM

POOL = "wireguard"
ROLES = {
    "WGDeploy": [
        "VM.Allocate",
        "VM.Audit",
        "VM.Backup",
        "VM.Config.CPU",
        "VM.Config.Disk",
        "VM.Config.Memory",
        "VM.Config.Network",
        "VM.Config.Options",
        "VM.PowerMgmt",
        "Pool.Audit",
    ],
    "WGStorage": ["Datastore.AllocateSpace", "Datastore.Audit"],
    "WGTemplates": ["Datastore.AllocateTemplate", "Datastore.Audit"],
    "WGNode": ["Sys.AccessNetwork"],
    "WGBridge": ["SDN.Use"],
    "WGAudit": ["Sys.Audit"],
    "WGSee": ["VM.Audit"],
}
GRANTS = {
    f"/pool/{POOL}": "WGDeploy",
    "/storage/local-lvm": "WGStorage",
    "/storage/local": "WGTemplates",
    "/storage/pbs": "WGStorage",
    "/nodes/pve": "WGNode",
    "/sdn/zones/localnetwork/vmbr0": "WGBridge",
    "/vms": "WGSee",
}
"""Roles at paths, for the user and its token. VM.Audit on /vms lets a removed container be told from a forbidden one:
without it the server answers 403 for a VMID outside the pool, also for one that is gone."""
AUDIT_PATH = "/"
"""Sys.Audit on / without propagation: to see whether a backup job covers the container."""
ADMIN_JOB = {
    "enabled": 1,
    "schedule": "02:00",
    "storage": "pbs",
    "pool": POOL,
    "mode": "snapshot",
    "comment": "made by the site's administrator",
}
"""A backup job over the pool: what is created in the pool is backed up without any privilege of ours."""


def seed(node: str, token_secret: str, root_password: str) -> dict[str, Any]:
    """Return a complete state; secrets go in as salted hashes."""
    return {
        "version": 1,
        "node": node,
        "ticket_key": secrets.token_hex(32),
        "users": {"root@pam": {"enable": 1, "hash": hash_secret(root_password)}, PVE_PROGRAM.user: {"enable": 1}},
        "tokens": {PVE_PROGRAM.id: {"hash": hash_secret(token_secret), "privsep": 1, "expire": 0}},
        "roles": {name: list(privileges) for name, privileges in ROLES.items()},
        "acl": _acl(),
        "pools": {POOL: {"comment": "WireGuard servers", "vms": [], "storage": []}},
        "storages": {
            "local": {"type": "dir", "content": "vztmpl,backup,snippets", "path": "/var/lib/vz"},
            "local-lvm": {"type": "lvmthin", "content": "rootdir", "vgname": "pve", "thinpool": "data"},
        },
        "guests": {},
        "guest_firewalls": {},
        "jobs": {"wireguard-pool": dict(ADMIN_JOB)},
        "volumes": {},
        "tasks": [],
        "firewall": {"options": {"enable": 1, "policy_in": "ACCEPT"}},
    }


def _acl() -> list[dict[str, Any]]:
    grants = [(path, role, 1) for path, role in GRANTS.items()] + [(AUDIT_PATH, "WGAudit", 0)]
    return [
        {"path": path, "authid": authid, "role": role, "propagate": propagate}
        for path, role, propagate in grants
        for authid in (PVE_PROGRAM.user, PVE_PROGRAM.id)
    ]
