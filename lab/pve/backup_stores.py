"""Where backups go: a directory storage, or the Proxmox Backup Server."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol


class BackupError(Exception):
    """A backup could not be written, read or removed; the text is what the task says."""


class BackupStore(Protocol):
    """One storage with backups; each method raises BackupError."""

    def check(self) -> None:
        """Whether the storage can be used right now."""
        ...

    def contents(self) -> list[dict[str, Any]]:
        """Backups as the content list shows them."""
        ...

    def write(self, record: dict[str, Any], notes: str, *, protected: bool) -> AbstractContextManager[Path]:
        """Give the path to write the archive to; the backup counts when the block ends well."""
        ...

    def describe(self, volume: str) -> dict[str, Any]:
        """Return what was saved beside the archive: vmid, config, firewall."""
        ...

    def archive(self, volume: str) -> AbstractContextManager[Path]:
        """Give the path of the archive."""
        ...

    def annotate(self, volume: str, *, notes: str | None, protected: int | None) -> None:
        """Change notes and protection."""
        ...

    def delete(self, volume: str) -> None:
        """Remove an unprotected backup."""
        ...


@contextmanager
def existing(path: Path, volume: str) -> Iterator[Path]:
    """Return the path of an archive that must be there."""
    if not path.exists():
        raise BackupError(f"can't find file '{volume}'")
    yield path
