"""HTTPS server: TLS 1.3, the message of an error in the reason phrase, faults on demand, a request log."""

import json
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast
from urllib.parse import parse_qsl, unquote

from lab.api.faults import Fault, FaultFile
from lab.api.requestlog import RequestLog

LARGEST_BODY = 8 * 1024 * 1024


@dataclass(frozen=True)
class Request:
    """One HTTP request.

    `path` is percent-decoded once, names in `headers` are lower case, `parameters` are query and body together.
    """

    method: str
    path: str
    headers: Mapping[str, str]
    parameters: dict[str, Any]
    content_type: str = ""


@dataclass
class Reply:
    """One HTTP answer."""

    status: int
    reason: str
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    identity: str = ""


class Application(Protocol):
    """Answers requests; knows nothing of sockets."""

    server_header: str

    def handle(self, request: Request) -> Reply:
        """Return the answer to `request`."""
        ...

    def refusal(self, status: int, message: str) -> Reply:
        """Return an error answer in the server's own shape."""
        ...


def parameters(query: str, body: bytes, content_type: str) -> dict[str, Any]:
    """Query and body as one mapping; a repeated key becomes a list."""
    pairs = parse_qsl(query, keep_blank_values=True)
    merged: dict[str, Any] = {}
    if content_type.startswith("application/json") and body:
        merged.update(json.loads(body))
    elif body:
        pairs += parse_qsl(body.decode(), keep_blank_values=True)
    for key, value in pairs:
        if key in merged:
            held = merged[key]
            merged[key] = [*(held if isinstance(held, list) else [held]), value]
        else:
            merged[key] = value
    return merged


class Server(ThreadingHTTPServer):
    """HTTPS on 127.0.0.1; the handshake happens in the connection's own thread."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, app: Application, tls: ssl.SSLContext, faults: FaultFile, log: RequestLog) -> None:
        super().__init__(("127.0.0.1", port), Handler)
        self.app, self.tls, self.faults, self.log = app, tls, faults, log

    def server_close(self) -> None:
        """Stop listening and close the log."""
        super().server_close()
        self.log.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore a client that went away."""


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Return a server context that speaks TLS 1.3 only, like the provider's default minimum."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(certificate, key)
    return context


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    timeout = 120
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server
    RESPONSES: ClassVar[dict[int, str]] = {}

    def setup(self) -> None:
        """Shake hands before reading."""
        raw = cast("socket.socket", self.request)
        raw.settimeout(self.timeout)
        self.request = self.server.tls.wrap_socket(raw, server_side=True)
        super().setup()

    def finish(self) -> None:
        """Close the socket that the handshake made of the accepted one."""
        try:
            super().finish()
        finally:
            self.request.close()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - inherited name
        """Stay silent: the request log replaces the access log."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        begun = time.monotonic()
        target, _, query = self.path.partition("?")
        path = re.sub(r"/+", "/", unquote(target)).rstrip("/") or "/"
        fault = self.server.faults.take(self.command, path)
        content_type = self.headers.get("Content-Type", "")
        body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), LARGEST_BODY))
        reply, names = self._answer(path, query, body, content_type, fault)
        entry = {
            "method": self.command,
            "path": path,
            "parameters": names,
            "status": reply.status if reply else 0,
            "auth": reply.identity if reply else "",
            "ms": round((time.monotonic() - begun) * 1000, 1),
        }
        self.server.log.write(entry | ({"fault": fault.kind} if fault else {}))
        if reply is None or (fault and fault.kind == "cut-after"):
            self._cut()
        else:
            self._send(reply)

    def _answer(
        self, path: str, query: str, body: bytes, content_type: str, fault: Fault | None
    ) -> tuple[Reply | None, list[str]]:
        app = self.server.app
        try:
            given = parameters(query, body, content_type)
        except ValueError:
            return app.refusal(400, "unable to parse request body"), []
        names = sorted(given)
        if fault and fault.kind == "status":
            return app.refusal(fault.status, fault.message), names
        if fault and fault.kind == "garbage":
            return Reply(200, "OK", b"<html>\x00 not what you expect", {}), names
        if fault and fault.kind == "cut-before":
            return None, names
        if fault and fault.kind == "timeout":
            time.sleep(fault.seconds)
            return None, names
        return app.handle(
            Request(
                self.command, path, {name.lower(): value for name, value in self.headers.items()}, given, content_type
            )
        ), names

    def _send(self, reply: Reply) -> None:
        reason = re.sub(r"[\x00-\x1f\x7f]+", " ", reply.reason).strip().encode("latin-1", "replace").decode("latin-1")
        self.send_response_only(reply.status, reason)
        self.send_header("Server", self.server.app.server_header)
        self.send_header("Date", self.date_time_string())
        for name, value in ({"Content-Type": "application/json;charset=UTF-8"} | reply.headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        if reply.status >= 400:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)
        self.wfile.flush()

    def _cut(self) -> None:
        self.close_connection = True
        self.request.shutdown(socket.SHUT_RDWR)
