"""Roles on paths: what a user or token may do where (same rules in Proxmox VE and Proxmox Backup Server)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Entry:
    """One access rule: `authid` (user or token) has `role` at `path`, below it too when `propagate`."""

    path: str
    authid: str
    role: str
    propagate: bool = True

    @staticmethod
    def of(item: Mapping[str, Any]) -> "Entry":
        """Return the rule as kept in the state file."""
        return Entry(item["path"], item["authid"], item["role"], bool(item["propagate"]))


def ancestors(path: str) -> list[str]:
    """`path` and all above it, root first."""
    parts = [part for part in path.split("/") if part]
    return ["/", *("/" + "/".join(parts[: n + 1]) for n in range(len(parts)))]


def roles_at(entries: Iterable[Entry], authid: str, path: str) -> dict[str, bool]:
    """Roles of `authid` at `path` with their propagation: the rules nearest to the path replace those above."""
    held: dict[str, bool] = {}
    mine = [entry for entry in entries if entry.authid == authid]
    for step in ancestors(path):
        here = {e.role: e.propagate for e in mine if e.path == step and (e.propagate or step == path)}
        held = here or held
    return {} if "NoAccess" in held else held


def privileges_at(entries: Iterable[Entry], roles: Mapping[str, list[str]], authid: str, path: str) -> dict[str, bool]:
    """Privileges of `authid` at `path` with their propagation."""
    result: dict[str, bool] = {}
    for role, propagate in roles_at(entries, authid, path).items():
        for privilege in roles.get(role, []):
            result[privilege] = result.get(privilege, False) or propagate
    return result
