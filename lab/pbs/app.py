"""Requests to answers, as PBS gives them: data in an envelope, errors as bare text."""

import hashlib
import json
import sys
import threading
import time
import traceback
from http import HTTPStatus
from typing import Any

from lab.api.errors import ApiError, ParameterError
from lab.api.schema import Param, find, text, validate
from lab.api.secrets import matches_hash
from lab.api.transport import Reply, Request
from lab.pbs.datastore import DatastoreError
from lab.pbs.dialect import PBS, bad_parameters, refused
from lab.pbs.endpoints import ROUTER
from lab.pbs.routing import Call, Digested, PbsEndpoint
from lab.pbs.server import BackupServer

PREFIX = "/api2/json"
CONTENT_TYPES = ("application/x-www-form-urlencoded", "application/json")
JSON_KINDS: dict[str, tuple[type, ...]] = {
    "integer": (int,),
    "boolean": (bool, int),
    "number": (int, float),
    "string": (str,),
    "array": (list,),
}


class PbsApp:
    """The proxy daemon; `delay_401` is how long a failed login waits (3 s on the real one)."""

    server_header = "proxmox-backup-proxy/4.0"

    def __init__(self, server: BackupServer, delay_401: float = 3.0) -> None:
        self.server, self.delay_401 = server, delay_401
        self._writing = threading.Lock()
        self._known: dict[str, str] = {}

    def handle(self, request: Request) -> Reply:
        """Return the answer to one request."""
        authid = ""
        try:
            endpoint, placeholders = self._route(request)
            authid = "" if endpoint.world else self._identify(request)
            reply = self._success(self._call(endpoint, placeholders, request, authid))
        except ApiError as error:
            reply = self._error(error)
        except DatastoreError as error:
            reply = self._error(refused(str(error)))
        except Exception as error:
            print(traceback.format_exc(), file=sys.stderr, flush=True)
            reply = self._error(refused(str(error) or type(error).__name__))
        reply.identity = authid
        return reply

    def refusal(self, status: int, message: str) -> Reply:
        """Return an error answer for what never reaches a handler."""
        return self._error(ApiError(status, message))

    def _route(self, request: Request) -> tuple[PbsEndpoint, dict[str, str]]:
        path = request.path.removeprefix(PREFIX)
        found = ROUTER.match(request.method, path) if request.path.startswith(PREFIX) else None
        if found is None:
            raise ApiError(404, f"Path '{request.path}' not found.")
        return found

    def _identify(self, request: Request) -> str:
        header = request.headers.get("authorization", "")
        scheme, given = header[:11], header[12:]
        authid, _, secret = given.partition(":")
        token = self.server.data["tokens"].get(authid)
        if scheme != "PBSAPIToken" or token is None or not self._fits(secret, token["hash"]):
            raise ApiError(401, "authentication failed")
        if not token.get("enable", 1) or (token.get("expire") and token["expire"] < time.time()):
            raise ApiError(401, "authentication failed")
        return authid

    def _fits(self, secret: str, hashed: str) -> bool:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        if self._known.get(hashed) != digest and matches_hash(secret, hashed):
            self._known[hashed] = digest
        return self._known.get(hashed) == digest

    def _call(self, endpoint: PbsEndpoint, placeholders: dict[str, str], request: Request, authid: str) -> Any:
        has_body = request.method in ("POST", "PUT") and request.content_type
        if has_body and not request.content_type.startswith(CONTENT_TYPES):
            raise refused(f"unsupported content type {request.content_type}")
        accepted: dict[str, Param] = {**{name: text() for name in placeholders}, **endpoint.params}
        errors = _type_errors(accepted, request)
        try:
            params = validate(accepted, {**request.parameters, **placeholders}, PBS)
        except ParameterError as error:
            errors = error.errors | errors
        if errors:
            raise bad_parameters(errors)
        call = Call(self.server, authid, params)
        if endpoint.permission:
            endpoint.permission(call)
        if endpoint.method == "GET":
            return endpoint.handler(call)
        with self._writing:
            return endpoint.handler(call)

    def _success(self, result: Any) -> Reply:
        body = {"data": result.data, "digest": result.digest} if isinstance(result, Digested) else {"data": result}
        return Reply(200, "OK", json.dumps(body).encode())

    def _error(self, error: ApiError) -> Reply:
        if error.status == HTTPStatus.UNAUTHORIZED:
            time.sleep(self.delay_401)
        return Reply(
            error.status, HTTPStatus(error.status).phrase, error.message.encode(), {"Content-Type": "application/json"}
        )


def _type_errors(accepted: dict[str, Param], request: Request) -> dict[str, str]:
    """Name what has not its type in a JSON body; a form has text only."""
    if not request.content_type.startswith("application/json"):
        return {}
    errors = {}
    for name, value in request.parameters.items():
        param = find(accepted, name)
        if param and not isinstance(value, JSON_KINDS[param.kind]):
            errors[name] = f"Expected {param.kind} value."
    return errors
