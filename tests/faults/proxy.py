"""A small faulty HTTP proxy: before a real server it records requests and breaks chosen ones.

    with FaultyProxy("http://127.0.0.1:8000") as proxy:
        proxy.fail("POST", "/api/ipam/", cut_after())     # the next matching request
        …client of proxy.url…
        assert [r.method for r in proxy.requests] == […]

With a certificate and key (PEM files) it speaks TLS to its client, so that trust can be tested too.
"""

import http.client
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Self
from urllib.parse import urlsplit

HOP_BY_HOP = frozenset({"connection", "transfer-encoding", "keep-alive", "content-length"})


@dataclass(frozen=True)
class Recorded:
    """A request that arrived; `path` has the query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Reply:
    """What is sent back; `status` 0 means: nothing, the connection is cut."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    reason: str | None = None
    """The reason phrase; None for the usual one. Proxmox puts its messages there."""


CUT = Reply(0)
Forward = Callable[[], Reply]
Fault = Callable[[Forward], Reply]
"""Gets a way to pass the request on (or not) and says what the client sees."""


def status(code: int, body: str = "", headers: Mapping[str, str] | None = None) -> Fault:
    """Answer with `code` without passing the request on."""
    return lambda _: Reply(code, body.encode(), headers or {})


def status_after(code: int, body: str = "") -> Fault:
    """Pass the request on, then answer with `code`: the write happened, the client cannot know."""

    def fault(forward: Forward) -> Reply:
        forward()
        return Reply(code, body.encode())

    return fault


def garbage(body: str = "<html>Sign in to the hotel's network</html>") -> Fault:
    """Answer 200 with something that is not the API's."""
    return lambda _: Reply(200, body.encode(), {"Content-Type": "text/html"})


def truncated() -> Fault:
    """Pass the request on and cut the answer in the middle of its body."""

    def fault(forward: Forward) -> Reply:
        reply = forward()
        half = reply.body[: len(reply.body) // 2]
        return Reply(reply.status, half, {**reply.headers, "X-Promised": str(len(reply.body))})

    return fault


def cut_before() -> Fault:
    """Cut the connection; the server never sees the request."""
    return lambda _: CUT


def cut_after() -> Fault:
    """Pass the request on and cut the connection before the answer."""

    def fault(forward: Forward) -> Reply:
        forward()
        return CUT

    return fault


def slow(seconds: float) -> Fault:
    """Answer rightly, but late."""

    def fault(forward: Forward) -> Reply:
        time.sleep(seconds)
        return forward()

    return fault


@dataclass
class Rule:
    """One fault: which requests it meets, how many to let pass first, how many to break then."""

    method: str
    path: re.Pattern[str]
    fault: Fault
    skip: int = 0
    times: int = 1


class FaultyProxy:
    """The proxy on a free loopback port, forwarding to `target`; `trust` is for a target that speaks TLS."""

    def __init__(
        self,
        target: str,
        certificate: Path | None = None,
        key: Path | None = None,
        trust: ssl.SSLContext | None = None,
    ) -> None:
        self.target, self.trust = target, trust
        self.requests: list[Recorded] = []
        self.added: dict[str, str] = {}
        """Headers added to every request on its way, such as a session's cookie."""
        self._rules: list[Rule] = []
        self._lock = Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.proxy = self
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def fail(self, method: str, path: str, fault: Fault, *, skip: int = 0, times: int = 1) -> None:
        """Break the next `times` requests whose method and path (a regular expression, searched) match.

        `method` "*" meets every method; the first `skip` matches pass unharmed.
        """
        with self._lock:
            self._rules.append(Rule(method, re.compile(path), fault, skip, times))

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._rules.clear()

    def unmet(self) -> int:
        """Return how many faults were asked for and have not happened."""
        with self._lock:
            return sum(rule.times for rule in self._rules if rule.times > 0)

    def handle(self, request: Recorded) -> Reply:
        """Record the request and return the reply, broken if a rule says so."""
        with self._lock:
            self.requests.append(request)
            fault = self._fault(request)
        return fault(lambda: self.forward(request)) if fault else self.forward(request)

    def forward(self, request: Recorded) -> Reply:
        """Pass the request on and return the target's answer."""
        return forward(self.target, replace(request, headers={**request.headers, **self.added}), self.trust)

    def _fault(self, request: Recorded) -> Fault | None:
        for rule in self._rules:
            if rule.method in ("*", request.method) and rule.path.search(request.path) and rule.times > 0:
                if rule.skip:
                    rule.skip -= 1
                    continue
                rule.times -= 1
                return rule.fault
        return None


def forward(target: str, request: Recorded, trust: ssl.SSLContext | None = None) -> Reply:
    """Send the request to `target` and return what it answers."""
    host, secure = urlsplit(target).netloc, target.startswith("https:")
    plain = http.client.HTTPConnection(host, timeout=120)
    connection = http.client.HTTPSConnection(host, timeout=120, context=trust) if secure else plain
    try:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in HOP_BY_HOP}
        connection.request(request.method, request.path, request.body or None, headers)
        answer = connection.getresponse()
        kept = {k: v for k, v in answer.getheaders() if k.lower() not in HOP_BY_HOP}
        return Reply(answer.status, answer.read(), kept, answer.reason)
    finally:
        connection.close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    proxy: FaultyProxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that hang up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: the second would wait 40 ms for the client
    server: _Server

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = Recorded(self.command, self.path, dict(self.headers.items()), body)
        reply = self.server.proxy.handle(request)
        if reply.status:
            self._reply(reply)
        else:
            self._cut()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_HEAD = _any  # noqa: N815

    def _reply(self, reply: Reply) -> None:
        promised = reply.headers.get("X-Promised", str(len(reply.body)))
        self.send_response(reply.status, reply.reason)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", promised)
        self.end_headers()
        self.wfile.write(reply.body)
        if promised != str(len(reply.body)):
            self._cut()

    def _cut(self) -> None:
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Keep quiet."""
