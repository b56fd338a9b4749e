"""Proxmox VE's backup jobs (`/cluster/backup`): the half of a backup schedule that runs on the cluster.

Changing one needs Sys.Modify on `/`; reading them Sys.Audit on `/` (API viewer, `/cluster/backup`).
"""

from collections.abc import Mapping
from typing import Any

from clients.http import Http
from vpn.errors import BadAnswer, ClientError, NotFound, Rejected

SYSTEM = "Proxmox VE"
PATH = "/cluster/backup"


class BackupJobs:
    """The cluster's backup jobs, over a connection to Proxmox VE. Every method raises ClientErrors."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def all(self) -> list[dict[str, Any]]:
        """Return every backup job."""
        answer = self._http.get(PATH)
        found = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(found, list):
            raise BadAnswer(SYSTEM, f"{PATH} is not a list")
        return found

    def get(self, job_id: str) -> dict[str, Any] | None:
        """Return a job, None when there is none of that id (Proxmox VE says so with 400)."""
        try:
            answer = self._http.get(f"{PATH}/{job_id}")
        except ClientError as error:
            if _unknown_job(error):
                return None
            raise
        found = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(found, dict):
            raise BadAnswer(SYSTEM, f"the backup job {job_id} is not an object")
        return found

    def create(self, job_id: str, options: Mapping[str, str]) -> None:
        """Make a job; a taken id is refused."""
        self._http.request("POST", PATH, data={"id": job_id, **options})

    def update(self, job_id: str, options: Mapping[str, str], delete: tuple[str, ...]) -> None:
        """Change a job."""
        body = dict(options) | ({"delete": ",".join(delete)} if delete else {})
        self._http.request("PUT", f"{PATH}/{job_id}", data=body, idempotent=True)

    def delete(self, job_id: str) -> None:
        """Remove a job; one that is gone already is no error."""
        try:
            self._http.request("DELETE", f"{PATH}/{job_id}", idempotent=True)
        except ClientError as error:
            if not _unknown_job(error):
                raise


def _unknown_job(error: ClientError) -> bool:
    return isinstance(error, NotFound | Rejected) and "no such job" in str(error).lower()
