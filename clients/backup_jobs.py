"""Proxmox VE's backup jobs (`/cluster/backup`): the half of a backup schedule that runs on the cluster.

Changing one needs Sys.Modify on `/`; reading them Sys.Audit on `/` (API viewer, `/cluster/backup`).
"""

from collections.abc import Mapping
from typing import Any

from clients.proxmox import Proxmox
from vpn.errors import ClientError, NotFound, Rejected

PATH = "/cluster/backup"


class BackupJobs:
    """The cluster's backup jobs. Every method raises a ClientError when Proxmox VE refuses or fails."""

    def __init__(self, proxmox: Proxmox) -> None:
        self._proxmox = proxmox

    def all(self) -> list[dict[str, Any]]:
        """Return every backup job."""
        return list(self._proxmox.call("GET", PATH))

    def get(self, job_id: str) -> dict[str, Any] | None:
        """Return a job, None when there is none of that id (Proxmox VE says so with 400)."""
        try:
            return dict(self._proxmox.call("GET", f"{PATH}/{job_id}"))
        except ClientError as error:
            if _unknown_job(error):
                return None
            raise

    def create(self, job_id: str, options: Mapping[str, str]) -> None:
        """Make a job; a taken id is refused."""
        self._proxmox.call("POST", PATH, {"id": job_id, **options})

    def update(self, job_id: str, options: Mapping[str, str], delete: tuple[str, ...]) -> None:
        """Change a job."""
        self._proxmox.call("PUT", f"{PATH}/{job_id}", dict(options) | ({"delete": ",".join(delete)} if delete else {}))

    def delete(self, job_id: str) -> None:
        """Remove a job; one that is gone already is no error."""
        try:
            self._proxmox.call("DELETE", f"{PATH}/{job_id}")
        except ClientError as error:
            if not _unknown_job(error):
                raise


def _unknown_job(error: ClientError) -> bool:
    return isinstance(error, NotFound | Rejected) and "no such job" in str(error).lower()
