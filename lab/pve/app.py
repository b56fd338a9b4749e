"""Requests to answers: routing, login, validation, permission, then the endpoint's handler."""

import json
import threading
import time
import traceback
from typing import Any

from lab.api.errors import ApiError, ParameterError
from lab.api.schema import Param, text, validate
from lab.api.transport import Reply, Request
from lab.pve.cluster import Cluster
from lab.pve.dialect import PVE
from lab.pve.endpoints import ROUTER
from lab.pve.identity import Identity
from lab.pve.routing import Call, PveEndpoint

PREFIX = "/api2/json"
NODE_AGNOSTIC = Identity("")


class PveApp:
    """The API daemon; `delay_401` is how long a failed login waits (3 s on the real one)."""

    server_header = "pve-api-daemon/3.0"

    def __init__(self, cluster: Cluster, delay_401: float = 3.0) -> None:
        self.cluster = cluster
        self.delay_401 = delay_401
        self._writing = threading.Lock()

    def handle(self, request: Request) -> Reply:
        """Return the answer to one request."""
        who = NODE_AGNOSTIC
        try:
            endpoint, placeholders = self._route(request)
            if not endpoint.world:
                who = self.cluster.authenticator.identify(request.method, request.headers)
            data = self._call(endpoint, placeholders, request, who)
            reply = Reply(200, "OK", json.dumps({"data": data}).encode())
        except ApiError as error:
            reply = self._error(error)
        except Exception as error:
            traceback.print_exc()
            reply = self._error(ApiError(500, str(error) or type(error).__name__))
        reply.identity = who.authid
        return reply

    def refusal(self, status: int, message: str) -> Reply:
        """Return an error answer for what never reaches a handler."""
        return self._error(ApiError(status, message))

    def _route(self, request: Request) -> tuple[PveEndpoint, dict[str, str]]:
        if not request.path.startswith(PREFIX):
            raise ApiError(404, "no such file")
        path = request.path.removeprefix(PREFIX) or "/"
        found = ROUTER.match(request.method, path)
        if found is None:
            raise ApiError(501, f"Method '{request.method} {path}' not implemented")
        return found

    def _call(self, endpoint: PveEndpoint, placeholders: dict[str, str], request: Request, who: Identity) -> Any:
        if who.is_token and not endpoint.token:
            raise ApiError(403, "Permission check failed - not available with API token, need proper ticket.")
        given = {name: value for name, value in request.parameters.items() if value != ""}
        for name, value in placeholders.items():
            if given.setdefault(name, value) != value:
                message = "duplicate parameter (already defined in URI) with conflicting values!"
                raise ApiError(400, "Parameter verification failed.", {name: message})
        accepted: dict[str, Param] = {**{name: text() for name in placeholders}, **endpoint.params}
        try:
            params = validate(accepted, given, PVE)
        except ParameterError as error:
            raise ApiError(400, "Parameter verification failed.", error.errors) from None
        return self._run(endpoint, Call(self.cluster, who, params))

    def _run(self, endpoint: PveEndpoint, call: Call) -> Any:
        if call.get("node", call.node) not in (call.node, "localhost"):
            name = call.get("node")
            raise ApiError(
                500,
                f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service not known",
            )
        if endpoint.permission:
            endpoint.permission(call)
        if endpoint.method == "GET":
            return endpoint.handler(call)
        with self._writing:
            return endpoint.handler(call)

    def _error(self, error: ApiError) -> Reply:
        if error.status == 401:
            time.sleep(self.delay_401)
            return Reply(401, error.message, b"")
        body: dict[str, Any] = {"data": None, "message": error.message.rstrip("\n") + "\n"}
        if error.errors:
            body["errors"] = error.errors
        return Reply(error.status, error.message, json.dumps(body).encode())
