"""Which backup store lies behind a storage."""

from lab.pve.backup_directory import DirectoryStore
from lab.pve.backup_pbs import PbsStore
from lab.pve.backup_stores import BackupError, BackupStore
from lab.pve.cluster import Cluster


def open_store(cluster: Cluster, storage: str) -> BackupStore:
    """Return the backup store behind a storage of the cluster."""
    held = cluster.storage(storage)
    if "backup" not in held["content"].split(","):
        raise BackupError(f"storage '{storage}' does not support backups")
    return PbsStore(cluster, storage) if held["type"] == "pbs" else DirectoryStore(cluster, storage)
