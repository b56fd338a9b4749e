"""The backup server: its state, its datastore, its tasks."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from lab.api.store import Store
from lab.api.tasks import Tasks
from lab.pbs.datastore import Datastore
from lab.pbs.dialect import refused
from lab.pbs.permissions import Permissions

NODE = "pbs"


def upid(*, node: str, pid: int, pstart: int, start: int, kind: str, ident: str, user: str) -> str:
    """Return a UPID as PBS spells it: a task id more than Proxmox VE, and an escaped worker id."""
    return f"UPID:{node}:{pid:08X}:{pstart:08X}:{pid:08X}:{start:08X}:{kind}:{escape(ident)}:{user}:"


def escape(ident: str) -> str:
    r"""Return a worker id escaped as systemd does: `/` becomes `-`, most other signs `\xNN`."""
    return re.sub(
        r"[^A-Za-z0-9_.-]", lambda sign: f"\\x{ord(sign[0]):02x}", ident.replace("-", "\\x2d").replace("/", "-")
    )


class BackupServer:
    """One server with one datastore; handlers get at everything through it."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store
        self.tasks = Tasks(store, NODE, upid)
        self.permissions = Permissions(store.data)
        self.datastores = {name: Datastore(root / "datastore" / name, name) for name in store.data["datastores"]}
        for name, datastore in self.datastores.items():
            for ns in store.data["datastores"][name]["seed_namespaces"]:
                if not (datastore.root / "ns" / ns).exists():
                    datastore.create_namespace("", ns)

    @property
    def data(self) -> dict[str, Any]:
        """The state; change it only inside `store.edit()`."""
        return self.store.data

    def datastore(self, name: str) -> Datastore:
        """Return a datastore; raises 400 when there is none."""
        if name not in self.datastores:
            raise refused(f"no such datastore '{name}'")
        return self.datastores[name]

    def digest(self, section: str) -> str:
        """Return the SHA-256 of a configuration section: changes whenever it does."""
        return hashlib.sha256(json.dumps(self.data[section], sort_keys=True).encode()).hexdigest()
