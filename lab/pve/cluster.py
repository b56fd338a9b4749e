"""The simulated cluster: its state, its containers, its tasks, and where its storages lie."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.api.errors import ApiError
from lab.api.store import Store
from lab.api.tasks import Tasks
from lab.pve.dialect import died, no_guest
from lab.pve.driver import Driver
from lab.pve.identity import Authenticator
from lab.pve.permissions import Permissions

Guest = dict[str, Any]
"""One container in the state: `config` and `lock`."""
TemplateSource = Callable[[str], Path | None]
"""Gives the file behind a template's name; None when there is none."""


def upid(*, node: str, pid: int, pstart: int, start: int, kind: str, ident: str, user: str) -> str:
    """Return a UPID as Proxmox VE spells it."""
    return f"UPID:{node}:{pid:08X}:{pstart:08X}:{start:08X}:{kind}:{ident}:{user}:"


class Cluster:
    """One node and all that belongs to it; handlers get at everything through it."""

    def __init__(self, root: Path, store: Store, driver: Driver, templates: TemplateSource) -> None:
        self.root, self.store, self.driver, self.templates = root, store, driver, templates
        self.node: str = store.data["node"]
        self.started = time.time()
        self.tasks = Tasks(store, self.node, upid)
        self.permissions = Permissions(store.data)
        self.authenticator = Authenticator(store.data)

    @property
    def data(self) -> dict[str, Any]:
        """The state; change it only inside `store.edit()`."""
        return self.store.data

    def guest(self, vmid: int) -> Guest:
        """Return the container of that VMID; raises the real server's 500 when there is none."""
        found: Guest | None = self.data["guests"].get(str(vmid))
        if found is None:
            raise no_guest(vmid, self.node)
        return found

    def guests(self) -> dict[int, Guest]:
        """All containers by VMID."""
        with self.store.read() as data:
            return {int(vmid): guest for vmid, guest in sorted(data["guests"].items())}

    def unlocked(self, vmid: int) -> Guest:
        """Like `guest`, refused while a lock is on it."""
        guest = self.guest(vmid)
        if guest["lock"]:
            raise died(f"CT is locked ({guest['lock']})")
        return guest

    def lock(self, vmid: int, reason: str) -> None:
        """Put a lock on a container, or take it off with an empty `reason`."""
        with self.store.edit() as data:
            if str(vmid) in data["guests"]:
                data["guests"][str(vmid)]["lock"] = reason

    def firewall(self, vmid: int) -> dict[str, Any]:
        """Return a guest's firewall, `options` and `rules`.

        It is a file of its own: the real server reads and writes it without asking whether the guest exists.
        """
        held: dict[str, dict[str, Any]] = self.data["guest_firewalls"]
        return held.setdefault(str(vmid), {"options": {}, "rules": []})

    def pool_of(self, vmid: int) -> str | None:
        """Return the pool a guest is in."""
        return next((name for name, pool in self.data["pools"].items() if str(vmid) in pool["vms"]), None)

    def storage(self, name: str) -> dict[str, Any]:
        """Return the definition of a storage; raises 500 when there is none."""
        found: dict[str, Any] | None = self.data["storages"].get(name)
        if found is None:
            raise ApiError(500, f"storage '{name}' does not exist")
        return found

    def storage_path(self, name: str, *parts: str) -> Path:
        """Return a directory of a file-based storage, made when missing."""
        path = self.root.joinpath("storage", name, *parts)
        path.mkdir(parents=True, exist_ok=True)
        return path
