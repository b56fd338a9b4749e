"""A datastore on disk: namespaces, groups and snapshots, laid out as the real server's (`ns/NAME/ct/2090/TIME/`)."""

import datetime as dt
import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.api.store import write_private

TYPES = ("ct", "vm", "host")
MANIFEST, OWNER, NOTES, PROTECTED = "index.json.blob", "owner", "notes", ".protected"
TIME = "%Y-%m-%dT%H:%M:%SZ"
SAFE_ID = r"[A-Za-z0-9_][A-Za-z0-9._\-]*"


class DatastoreError(Exception):
    """Something in a datastore is missing, taken or protected; in the server's words."""


@dataclass(frozen=True)
class Snapshot:
    """One backup of one group; unfinished until it has a manifest."""

    ns: str
    type: str
    id: str
    time: int
    path: Path

    @property
    def name(self) -> str:
        """The snapshot's time as its directory is called."""
        return self.path.name

    @property
    def owner(self) -> str:
        """Who the group belongs to."""
        path = self.path.parent / OWNER
        return path.read_text().strip() if path.exists() else ""

    @property
    def finished(self) -> bool:
        """Whether the backup ended well."""
        return (self.path / MANIFEST).exists()

    @property
    def protected(self) -> bool:
        """Whether it may not be removed."""
        return (self.path / PROTECTED).exists()

    def manifest(self) -> dict[str, Any]:
        """Files with size and SHA-256, notes, result of the last verification."""
        return dict(json.loads((self.path / MANIFEST).read_text()))

    def size(self) -> int:
        """Sum of its files' sizes as the manifest has them."""
        return sum(int(item["size"]) for item in self.manifest()["files"])


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class Datastore:
    """One datastore under `root`."""

    def __init__(self, root: Path, name: str) -> None:
        self.root, self.name = root, name
        root.mkdir(parents=True, exist_ok=True)

    def _ns_path(self, ns: str) -> Path:
        parts = [part for part in ns.split("/") if part]
        if not all(re.fullmatch(SAFE_ID, part) for part in parts):
            raise DatastoreError("invalid namespace")
        return self.root.joinpath(*(piece for part in parts for piece in ("ns", part)))

    def require_namespace(self, ns: str) -> Path:
        """Return the directory of a namespace; DatastoreError when there is none."""
        path = self._ns_path(ns)
        if not path.is_dir():
            raise DatastoreError(f"cannot find namespace '{ns}'" if ns else "datastore is missing")
        return path

    def namespaces(self, parent: str = "", depth: int = 7) -> Iterator[str]:
        """`parent` and the namespaces below it, at most `depth` levels down."""
        path = self.require_namespace(parent)
        yield parent
        if depth > 0 and (path / "ns").is_dir():
            for child in sorted(entry.name for entry in (path / "ns").iterdir()):
                yield from self.namespaces(f"{parent}/{child}".strip("/"), depth - 1)

    def create_namespace(self, parent: str, name: str) -> str:
        """Make a namespace and return its full name."""
        self.require_namespace(parent)
        ns = f"{parent}/{name}".strip("/")
        path = self._ns_path(ns)
        if path.exists():
            raise DatastoreError(f"namespace '{ns}' already exists")
        path.mkdir(parents=True)
        return ns

    def delete_namespace(self, ns: str, *, groups: bool) -> None:
        """Remove a namespace; one that holds backups only when `groups` may go too."""
        path = self.require_namespace(ns)
        held = [snap for name in self.namespaces(ns) for snap in self.snapshots(name)]
        if held and not groups:
            raise DatastoreError(f"only partially deleted datastore namespace '{ns}' - contains backup groups")
        if any(snap.protected for snap in held):
            raise DatastoreError(f"cannot remove namespace '{ns}', it contains protected snapshots")
        shutil.rmtree(path)

    def groups(self, ns: str) -> dict[tuple[str, str], list[Snapshot]]:
        """Snapshots of a namespace (not of those below) by backup type and id."""
        path = self.require_namespace(ns)
        found: dict[tuple[str, str], list[Snapshot]] = {}
        for kind in TYPES:
            for group in sorted((path / kind).iterdir()) if (path / kind).is_dir() else []:
                if group.is_dir():
                    found[kind, group.name] = self._snapshots(ns, kind, group)
        return found

    def _snapshots(self, ns: str, kind: str, group: Path) -> list[Snapshot]:
        names = sorted(entry.name for entry in group.iterdir() if entry.is_dir())
        return [Snapshot(ns, kind, group.name, snapshot_time(name), group / name) for name in names]

    def snapshots(self, ns: str) -> list[Snapshot]:
        """All snapshots of a namespace, oldest first within each group."""
        return [snap for held in self.groups(ns).values() for snap in held]

    def find(self, ns: str, kind: str, ident: str, time: int) -> Snapshot:
        """One snapshot; DatastoreError when it is not there."""
        for snap in self.groups(ns).get((kind, ident), []):
            if snap.time == time:
                return snap
        raise DatastoreError(f"snapshot {kind}/{ident}/{snapshot_name(time)} does not exist")

    def begin(self, ns: str, kind: str, ident: str, time: int, owner: str) -> Snapshot:
        """Open a new snapshot; the first backup of a group makes `owner` its owner, others are refused."""
        group = self.require_namespace(ns) / kind / ident
        group.mkdir(parents=True, exist_ok=True)
        held = group / OWNER
        if not held.exists():
            write_private(held, owner + "\n")
        if held.read_text().strip() != owner:
            raise DatastoreError(f"backup owner check failed ({owner} != {held.read_text().strip()})")
        path = group / snapshot_name(time)
        if path.exists():
            raise DatastoreError("backup timestamp is older than last backup.")
        path.mkdir()
        return Snapshot(ns, kind, ident, time, path)

    def finish(self, snap: Snapshot, notes: str, *, protected: bool) -> None:
        """Make a snapshot complete: write the manifest of its files."""
        files = [
            {"filename": path.name, "size": path.stat().st_size, "csum": _sha256(path)}
            for path in sorted(snap.path.iterdir())
        ]
        self._write_manifest(snap, {"files": files, "notes": notes, "verification": None})
        self.protect(snap, protected=protected)

    def _write_manifest(self, snap: Snapshot, manifest: dict[str, Any]) -> None:
        write_private(snap.path / MANIFEST, json.dumps(manifest, indent=1))

    def set_notes(self, snap: Snapshot, notes: str) -> None:
        """Replace a snapshot's notes."""
        self._write_manifest(snap, snap.manifest() | {"notes": notes})

    def protect(self, snap: Snapshot, *, protected: bool) -> None:
        """Protect a snapshot from removal, or no longer."""
        marker = snap.path / PROTECTED
        marker.touch() if protected else marker.unlink(missing_ok=True)

    def remove(self, snap: Snapshot, *, force: bool = False) -> None:
        """Remove a snapshot; a protected one only by `force`."""
        if snap.protected and not force:
            raise DatastoreError(f"cannot remove protected snapshot {snap.type}/{snap.id}/{snap.name}")
        shutil.rmtree(snap.path, ignore_errors=True)
        if not any(entry.is_dir() for entry in snap.path.parent.iterdir()):
            shutil.rmtree(snap.path.parent)

    def remove_group(self, ns: str, kind: str, ident: str) -> None:
        """Remove a group with all its snapshots."""
        held = self.groups(ns).get((kind, ident))
        if held is None:
            raise DatastoreError(f"group {kind}/{ident} does not exist")
        if any(snap.protected for snap in held):
            raise DatastoreError("group contains protected snapshots")
        shutil.rmtree(self.require_namespace(ns) / kind / ident)

    def verify(self, snap: Snapshot, upid: str) -> bool:
        """Compare every file with its recorded SHA-256 and note the result in the manifest."""
        manifest = snap.manifest()
        good = all(
            (snap.path / item["filename"]).exists() and _sha256(snap.path / item["filename"]) == item["csum"]
            for item in manifest["files"]
        )
        now = int(dt.datetime.now(dt.UTC).timestamp())
        result = {"state": "ok" if good else "failed", "upid": upid, "time": now}
        self._write_manifest(snap, manifest | {"verification": result})
        return good


def snapshot_name(time: int) -> str:
    """Return a snapshot's directory name (UTC)."""
    return dt.datetime.fromtimestamp(time, dt.UTC).strftime(TIME)


def snapshot_time(name: str) -> int:
    """Seconds since the epoch of a snapshot's name."""
    return int(dt.datetime.strptime(name, TIME).replace(tzinfo=dt.UTC).timestamp())
