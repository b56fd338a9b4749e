"""Roles of Proxmox Backup Server, and what a user or token may do where."""

from collections.abc import Mapping
from typing import Any

from lab.api.acl import Entry, privileges_at
from lab.api.errors import ApiError
from lab.pbs.dialect import refused

DATASTORE = ("Allocate", "Audit", "Backup", "Modify", "Prune", "Read", "Verify")
PRIVILEGES = (
    *tuple(f"Datastore.{name}" for name in DATASTORE),
    "Sys.Audit",
    "Sys.Modify",
    "Permissions.Modify",
    "Remote.Audit",
)
ROLES: Mapping[str, list[str]] = {
    "Admin": list(PRIVILEGES),
    "Audit": ["Sys.Audit", "Datastore.Audit", "Remote.Audit"],
    "NoAccess": [],
    "DatastoreAdmin": [f"Datastore.{n}" for n in ("Audit", "Modify", "Read", "Verify", "Backup", "Prune")],
    "DatastoreReader": [f"Datastore.{n}" for n in ("Audit", "Verify", "Read")],
    "DatastoreBackup": ["Datastore.Backup"],
    "DatastorePowerUser": ["Datastore.Backup", "Datastore.Prune"],
    "DatastoreAudit": ["Datastore.Audit"],
}


class Permissions:
    """Answers questions about privileges from the state."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data

    def of(self, authid: str, path: str) -> dict[str, bool]:
        """Return privileges at `path` and whether they propagate; a token has what it and its user both have."""
        if authid == "root@pam":
            return dict.fromkeys(PRIVILEGES, True)
        entries = [Entry.of(item) for item in self.data["acl"]]
        held = privileges_at(entries, ROLES, authid, path)
        if "!" not in authid:
            return held
        owner = self.of(authid.partition("!")[0], path)
        return {name: propagate and owner[name] for name, propagate in held.items() if name in owner}

    def has(self, authid: str, path: str, *any_of: str) -> bool:
        """Whether the caller has one of the privileges at `path`."""
        held = self.of(authid, path)
        return any(name in held for name in any_of)

    def require(self, authid: str, path: str, *any_of: str) -> None:
        """Raise the 400 with which a handler tells what is missing."""
        if not self.has(authid, path, *any_of):
            raise refused(f"missing permissions '{'|'.join(any_of)}' on '{path}'")

    def require_static(self, authid: str, path: str, *any_of: str) -> None:
        """Raise the 403 of a check that comes before the handler."""
        if not self.has(authid, path, *any_of):
            raise ApiError(403, "permission check failed")
