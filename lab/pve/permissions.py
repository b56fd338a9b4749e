"""What the caller may do where: ACL entries, roles, pools, and tokens with separated privileges."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lab.api.acl import Entry, privileges_at
from lab.pve.dialect import forbidden
from lab.pve.identity import Identity

PRIVILEGES = tuple(
    f"{group}.{name}"
    for group, names in {
        "VM": "Allocate Audit Backup Clone Config.CDROM Config.CPU Config.Cloudinit Config.Disk Config.HWType "
        "Config.Memory Config.Network Config.Options Console GuestAgent.Audit GuestAgent.FileRead "
        "GuestAgent.FileSystemMgmt GuestAgent.FileWrite GuestAgent.Unrestricted Migrate "
        "PowerMgmt Replicate Snapshot Snapshot.Rollback",
        "Datastore": "Allocate AllocateSpace AllocateTemplate Audit",
        "Pool": "Allocate Audit",
        "SDN": "Allocate Audit Use",
        "Sys": "AccessNetwork Audit Console Incoming Modify PowerMgmt Syslog",
        "Mapping": "Audit Modify Use",
        "Permissions": "Modify",
        "Realm": "Allocate AllocateUser",
        "User": "Modify",
        "Group": "Allocate",
    }.items()
    for name in names.split()
)

BUILTIN_ROLES: Mapping[str, list[str]] = {
    "Administrator": list(PRIVILEGES),
    "NoAccess": [],
    "PVEAuditor": ["Datastore.Audit", "Mapping.Audit", "Pool.Audit", "SDN.Audit", "Sys.Audit", "VM.Audit"],
    "PVEDatastoreUser": ["Datastore.AllocateSpace", "Datastore.Audit"],
    "PVEDatastoreAdmin": [
        "Datastore.Allocate",
        "Datastore.AllocateSpace",
        "Datastore.AllocateTemplate",
        "Datastore.Audit",
    ],
    "PVESDNUser": ["SDN.Audit", "SDN.Use"],
}


class Permissions:
    """Answers questions about privileges from the state."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def of(self, authid: str, path: str) -> dict[str, bool]:
        """Privileges of a user or token at `path` and whether they propagate; a pool's count for its members."""
        if authid == "root@pam":
            return dict.fromkeys(PRIVILEGES, True)
        if "!" not in authid:
            return self._own(authid, path)
        owner = self.of(authid.partition("!")[0], path)
        if not self.data["tokens"].get(authid, {}).get("privsep", 1):
            return owner
        return {name: propagate and owner[name] for name, propagate in self._own(authid, path).items() if name in owner}

    def _own(self, authid: str, path: str) -> dict[str, bool]:
        entries = [Entry.of(item) for item in self.data["acl"]]
        roles = {**BUILTIN_ROLES, **self.data["roles"]}
        held = privileges_at(entries, roles, authid, path)
        pool = self._pool_of(path)
        return privileges_at(entries, roles, authid, f"/pool/{pool}") | held if pool else held

    def _pool_of(self, path: str) -> str | None:
        match = re.fullmatch(r"/(vms|storage)/([^/]+)", path)
        if not match:
            return None
        kind = "vms" if match[1] == "vms" else "storage"
        return next((name for name, pool in self.data["pools"].items() if match[2] in pool[kind]), None)

    def has(self, who: Identity, path: str, privileges: Iterable[str], *, any_of: bool = False) -> bool:
        """Whether the caller has all (or any) of the privileges at `path`."""
        held = self.of(who.authid, path)
        return (any if any_of else all)(name in held for name in privileges)

    def require(self, who: Identity, path: str, privileges: Iterable[str], *, any_of: bool = False) -> None:
        """Raise the 403 that names the path and the missing privilege."""
        privileges = list(privileges)
        if self.has(who, path, privileges, any_of=any_of):
            return
        missing = [name for name in privileges if not self.has(who, path, [name])]
        raise forbidden(f"{path}, {'|'.join(privileges) if any_of else missing[0]}")

    def require_guest(self, who: Identity, vmid: int, pool: str | None, privileges: list[str]) -> None:
        """Like `require` on the guest; the pool it is in, or will be in, counts too."""
        if pool and self.has(who, f"/pool/{pool}", privileges):
            return
        self.require(who, f"/vms/{vmid}", privileges)
