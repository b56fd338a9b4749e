"""Proxmox Backup Server's API: the jobs of a namespace, its snapshots, and what our token may do.

Source: PBS 4 API viewer. PBS writes errors as bare text under 400, also for what does not exist, and gives
every job list a digest that a change sends back, so that two writers notice each other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal, Self

from clients.http import REASON_LENGTH, Answer, Http
from clients.tls import Trust
from vpn.errors import BadAnswer, ClientError, Conflict, Forbidden, NotFound, Unauthorized

if TYPE_CHECKING:
    import httpx

SYSTEM = "Proxmox Backup Server"
TOKEN = re.compile(r"[^\s@:]+@[^\s@!:]+![A-Za-z0-9_][A-Za-z0-9._-]*:[0-9a-fA-F-]{36}")
FORM_RULE = "the token must read USER@REALM!NAME:SECRET, with ':' before the secret (Proxmox VE uses '=')"
JobKind = Literal["prune", "verify"]


class PbsHttp(Http):
    """The transport with PBS's words: an unknown job is 400 there, a missing privilege 400 too."""

    def refusal(self, answer: Answer) -> ClientError:
        """Return the error that a refusal means."""
        text = self.redact(" ".join(answer.text.split()))[:REASON_LENGTH]
        kinds: tuple[tuple[str, type[ClientError]], ...] = (
            (r"no such (prune|verification|datastore|namespace)|does not exist|not found", NotFound),
            (r"missing permissions|permission check failed", Forbidden),
            (r"already exists|detected modified configuration", Conflict),
            (r"authentication failed", Unauthorized),
        )
        if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR and answer.status != HTTPStatus.TOO_MANY_REQUESTS:
            for pattern, kind in kinds:
                if re.search(pattern, text, re.IGNORECASE):
                    return kind(self.system, text, answer.status)
        return super().refusal(answer)


class Pbs:
    """One datastore server as our token sees it. Every method raises a ClientError when PBS refuses or fails."""

    def __init__(self, http: Http) -> None:
        self._http = http

    @classmethod
    def connect(
        cls, url: str, token: str, trust: Trust | None = None, transport: httpx.BaseTransport | None = None
    ) -> Self:
        """Return a client. Raises Unauthorized when the token has not PBS's form; nothing is sent yet."""
        if not TOKEN.fullmatch(token):
            raise Unauthorized(SYSTEM, FORM_RULE)
        headers = {"Authorization": f"PBSAPIToken={token}"}
        base = f"{url.rstrip('/')}/api2/json"
        secrets = (token, token.partition(":")[2])
        return cls(PbsHttp(SYSTEM, base, headers=headers, trust=trust, secrets=secrets, transport=transport))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def privileges(self, path: str) -> frozenset[str]:
        """Return the privileges our token has on an ACL path such as `/datastore/backup/wireguard`."""
        found = self._data("/access/permissions", {"path": path})
        return frozenset(found.get(path, {}) if isinstance(found, dict) else {})

    def datastores(self) -> dict[str, dict[str, Any]]:
        """Return the datastores our token sees, by name, with `maintenance` where one is closed."""
        return {each["store"]: each for each in self._list("/admin/datastore")}

    def namespaces(self, store: str) -> frozenset[str]:
        """Return the names of a datastore's namespaces, the root as an empty text."""
        return frozenset(each.get("ns", "") for each in self._list(f"/admin/datastore/{store}/namespace"))

    def jobs(self, kind: JobKind) -> list[dict[str, Any]]:
        """Return the prune or verify jobs our token sees."""
        return self._list(f"/config/{kind}")

    def job(self, kind: JobKind, job_id: str) -> tuple[dict[str, Any], str] | None:
        """Return a job and the digest of its configuration file; None when there is none of that id."""
        try:
            answer = self._http.get(f"/config/{kind}/{job_id}")
        except NotFound:
            return None
        if not isinstance(answer, dict) or not isinstance(answer.get("data"), dict):
            raise BadAnswer(SYSTEM, f"the {kind} job {job_id} is not an object")
        return answer["data"], str(answer.get("digest", ""))

    def create_job(self, kind: JobKind, job_id: str, options: Mapping[str, str]) -> None:
        """Make a job. Raises Conflict when the id is taken."""
        self._write("POST", f"/config/{kind}", {"id": job_id, **typed(options)})

    def update_job(
        self, kind: JobKind, job_id: str, options: Mapping[str, str], delete: tuple[str, ...], digest: str
    ) -> None:
        """Change a job. Raises Conflict when another writer was faster than the digest."""
        body: dict[str, Any] = typed(options)
        body |= {"delete": list(delete)} if delete else {}
        body |= {"digest": digest} if digest else {}
        self._write("PUT", f"/config/{kind}/{job_id}", body)

    def delete_job(self, kind: JobKind, job_id: str) -> None:
        """Remove a job; one that is gone already is no error."""
        _unless_gone(lambda: self._write("DELETE", f"/config/{kind}/{job_id}"))

    def groups(self, store: str, namespace: str) -> list[dict[str, Any]]:
        """Return the backup groups of a namespace: one for each guest that has backups there."""
        return self._list(f"/admin/datastore/{store}/groups", {"ns": namespace} if namespace else {})

    def snapshots(self, store: str, namespace: str, vmid: int) -> list[dict[str, Any]]:
        """Return the CT's snapshots in a namespace, running and aborted ones among them."""
        where = {"backup-type": "ct", "backup-id": str(vmid)} | ({"ns": namespace} if namespace else {})
        return self._list(f"/admin/datastore/{store}/snapshots", where)

    def _list(self, path: str, params: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        found = self._data(path, params)
        if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
            raise BadAnswer(SYSTEM, f"{path} is not a list of objects")
        return found

    def _data(self, path: str, params: Mapping[str, str] | None = None) -> Any:
        return self._meant(path, self._http.get(path, params))

    def _write(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> None:
        """Send a change; that PBS itself took it is told by the answer, not by its status alone."""
        answer = self._http.request(method, path, json=body, idempotent=method != "POST")
        self._meant(path, answer.json())

    @staticmethod
    def _meant(path: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or "data" not in answer:
            raise BadAnswer(SYSTEM, f"{path} has no data; is this the address of a backup server?")
        return answer["data"]


def typed(options: Mapping[str, str]) -> dict[str, Any]:
    """Return options as JSON wants them: counts as numbers, switches as booleans, the rest as text."""
    return {key: _typed(key, value) for key, value in options.items()}


def _typed(key: str, value: str) -> bool | int | str:
    if key in ("disable", "ignore-verified"):
        return value == "1"
    return int(value) if key.startswith("keep-") or key in ("max-depth", "outdated-after") else value


def _unless_gone(call: Callable[[], object]) -> None:
    try:
        call()
    except NotFound:
        return
