"""Backups in a directory storage: an archive, its notes and the guest's configuration side by side."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

from lab.api.store import write_private
from lab.pve.backup_stores import BackupError, existing
from lab.pve.cluster import Cluster

NAME = re.compile(r"vzdump-lxc-(\d+)-(\d{4}_\d{2}_\d{2}-\d{2}_\d{2}_\d{2})\.tar\.zst")


class DirectoryStore:
    """The `dump` directory of one storage."""

    def __init__(self, cluster: Cluster, storage: str) -> None:
        self.storage = storage
        self.dump = cluster.storage_path(storage, "dump")

    def check(self) -> None:
        """Accept: a directory can always be used."""

    def contents(self) -> list[dict[str, Any]]:
        """All archives with their notes."""
        return [self._shown(path) for path in sorted(self.dump.glob("*.tar.zst")) if NAME.fullmatch(path.name)]

    def _shown(self, path: Path) -> dict[str, Any]:
        match = NAME.fullmatch(path.name)
        record = self._record(path)
        shown = {
            "volid": f"{self.storage}:backup/{path.name}",
            "content": "backup",
            "format": "tar.zst",
            "subtype": "lxc",
            "size": path.stat().st_size,
            "vmid": int(match[1]) if match else 0,
            "ctime": record["time"],
            "protected": record["protected"],
        }
        return shown | ({"notes": record["notes"]} if record["notes"] else {})

    def _record(self, path: Path) -> dict[str, Any]:
        return dict(json.loads(path.with_suffix(".conf").read_text()))

    def _path(self, volume: str) -> Path:
        path = self.dump / volume.partition("backup/")[2]
        if not NAME.fullmatch(path.name) or not path.exists():
            raise BackupError(f"volume '{volume}' does not exist")
        return path

    @contextmanager
    def write(self, record: dict[str, Any], notes: str, *, protected: bool) -> Iterator[Path]:
        """Write beside, rename when whole."""
        now = int(time.time())
        stamp = time.strftime("%Y_%m_%d-%H_%M_%S", time.gmtime(now))
        path = self.dump / f"vzdump-lxc-{record['vmid']}-{stamp}.tar.zst"
        draft = path.with_suffix(".dat")
        try:
            yield draft
            saved = record | {"time": now, "notes": notes, "protected": int(protected)}
            write_private(path.with_suffix(".conf"), json.dumps(saved))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)

    def describe(self, volume: str) -> dict[str, Any]:
        """Return the guest's configuration at the time of the backup."""
        return self._record(self._path(volume))

    def archive(self, volume: str) -> AbstractContextManager[Path]:
        """Return the archive file."""
        return existing(self._path(volume), volume)

    def annotate(self, volume: str, *, notes: str | None, protected: int | None) -> None:
        """Change notes and protection."""
        path = self._path(volume)
        record = self._record(path)
        record["notes"] = record["notes"] if notes is None else notes
        record["protected"] = record["protected"] if protected is None else protected
        write_private(path.with_suffix(".conf"), json.dumps(record))

    def delete(self, volume: str) -> None:
        """Remove an unprotected archive."""
        path = self._path(volume)
        if self._record(path)["protected"]:
            raise BackupError(f"cannot remove protected volume '{volume}'")
        path.unlink()
        path.with_suffix(".conf").unlink()
