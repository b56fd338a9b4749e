"""Backups on the Proxmox Backup Server.

The real client streams chunks over the backup protocol; here the server lies on the same machine, so the archive is
written into its datastore directly. Everything else holds: each step logs in to the server first with the storage's
token, and is refused without the privilege, the namespace or the ownership of the group.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lab.pbs.datastore import Datastore, DatastoreError, Snapshot, snapshot_time
from lab.pbs.login import PbsLogin
from lab.pve.backup_stores import BackupError, existing
from lab.pve.cluster import Cluster

ROOT_ARCHIVE, CONFIG, FIREWALL = "root.pxar.didx", "pct.conf.blob", "fw.conf.blob"


class PbsStore:
    """A storage of type `pbs`."""

    def __init__(self, cluster: Cluster, storage: str) -> None:
        self.storage = storage
        held = cluster.storage(storage)
        self.namespace: str = held.get("namespace", "")
        self.store_name: str = held["datastore"]
        self.login = PbsLogin(
            url=f"https://{held['server']}:{held['port']}",
            token=held["username"],
            secret=Path(held["password_file"]).read_text().strip(),
            ca=Path(held["ca_file"]),
        )
        self.store = Datastore(Path(held["datastore_path"]), held["datastore"])

    def _authorize(self, *needed: str) -> None:
        try:
            held = self.login.privileges(f"/datastore/{self.store_name}/{self.namespace}".rstrip("/"))
        except OSError as error:
            raise BackupError(f"error fetching datastores - {error}") from None
        if not any(name in held for name in needed):
            raise BackupError("permission check failed")

    def check(self) -> None:
        """Whether the server answers and lets the token in."""
        self._authorize("Datastore.Backup", "Datastore.Audit", "Datastore.Read")

    def contents(self) -> list[dict[str, Any]]:
        """Finished snapshots of containers and VMs."""
        self.check()
        return [
            self._shown(snap)
            for snap in self.store.snapshots(self.namespace)
            if snap.finished and snap.type in ("ct", "vm") and snap.owner == self.login.token
        ]

    def _shown(self, snap: Snapshot) -> dict[str, Any]:
        manifest = snap.manifest()
        shown = {
            "volid": f"{self.storage}:backup/{snap.type}/{snap.id}/{snap.name}",
            "content": "backup",
            "format": f"pbs-{snap.type}",
            "subtype": "lxc",
            "size": snap.size(),
            "vmid": int(snap.id),
            "ctime": snap.time,
            "protected": int(snap.protected),
        }
        extra = {"notes": manifest.get("notes"), "verification": manifest.get("verification")}
        return shown | {key: value for key, value in extra.items() if value}

    def _snapshot(self, volume: str) -> Snapshot:
        self._authorize("Datastore.Backup", "Datastore.Read")
        parts = volume.partition("backup/")[2].split("/")
        try:
            snap = self.store.find(self.namespace, parts[0], parts[1], snapshot_time(parts[2]))
        except (IndexError, ValueError, DatastoreError):
            raise BackupError(f"volume '{volume}' does not exist") from None
        if snap.owner != self.login.token:
            raise BackupError(f"backup owner check failed ({self.login.token} != {snap.owner})")
        return snap

    @contextmanager
    def write(self, record: dict[str, Any], notes: str, *, protected: bool) -> Iterator[Path]:
        """Open a new snapshot; unfinished until the block ends well."""
        self._authorize("Datastore.Backup")
        try:
            snap = self.store.begin(self.namespace, "ct", str(record["vmid"]), int(time.time()), self.login.token)
        except DatastoreError as error:
            raise BackupError(str(error)) from None
        try:
            yield snap.path / ROOT_ARCHIVE
            (snap.path / CONFIG).write_text(json.dumps(record["config"]))
            if record["firewall"]["rules"] or record["firewall"]["options"]:
                (snap.path / FIREWALL).write_text(json.dumps(record["firewall"]))
            self.store.finish(snap, notes, protected=protected)
        except BaseException:
            self.store.remove(snap, force=True)
            raise

    def describe(self, volume: str) -> dict[str, Any]:
        """Return the guest's configuration at the time of the backup."""
        snap = self._snapshot(volume)
        firewall = snap.path / FIREWALL
        return {
            "vmid": int(snap.id),
            "config": json.loads((snap.path / CONFIG).read_text()),
            "firewall": json.loads(firewall.read_text()) if firewall.exists() else {"options": {}, "rules": []},
        }

    @contextmanager
    def archive(self, volume: str) -> Iterator[Path]:
        """Yield the snapshot's archive of the root file system, under a name that tells its compression."""
        with existing(self._snapshot(volume).path / ROOT_ARCHIVE, volume) as path, TemporaryDirectory() as directory:
            named = Path(directory) / "root.tar.zst"
            named.symlink_to(path)
            yield named

    def annotate(self, volume: str, *, notes: str | None, protected: int | None) -> None:
        """Change notes and protection."""
        snap = self._snapshot(volume)
        if notes is not None:
            self.store.set_notes(snap, notes)
        if protected is not None:
            self.store.protect(snap, protected=bool(protected))

    def delete(self, volume: str) -> None:
        """Remove a snapshot, which takes Datastore.Prune: a backup token alone cannot."""
        snap = self._snapshot(volume)
        self._authorize("Datastore.Prune", "Datastore.Modify")
        self.store.remove(snap)
