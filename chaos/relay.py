"""A relay before the SSH jump host: it passes bytes on, and breaks connections as it was told to."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread

from lab import namespaces

CHUNK = 65536
SILENCE = 30.0
"""Seconds a silent connection is held open."""
LULL = 0.05
"""Seconds without a byte from the client after which a bundle counts as delivered."""


@dataclass
class Plan:
    """What happens to the next `times` connections, after the first `skip`.

    `kind` is `close` (at once), `silent`, `garbage`, `after` (cut when the client has sent `bytes`) or
    `delivered` (cut when it has sent `bytes` and then waits for the answer).
    """

    kind: str
    bytes: int = 0
    skip: int = 0
    times: int = 1
    met: int = 0


class Relay:
    """Listens on a free loopback port and joins every connection to the port `target`."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.sent: list[int] = []
        self._plan: Plan | None = None
        self._listening: socket.socket | None = None
        self._listen(0)
        self.port = self._socket().getsockname()[1]

    def arm(self, plan: Plan) -> None:
        """Carry out `plan` from now on."""
        self._plan = plan

    def refuse(self) -> None:
        """Stop listening: whoever connects is refused by the kernel."""
        listening, self._listening = self._listening, None
        if listening:
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()

    def heal(self) -> int:
        """Let everything pass again; return how many connections were broken."""
        plan, self._plan = self._plan, None
        self.sent.clear()
        if self._listening is None:
            self._listen(self.port)
        return plan.met if plan else 0

    close = refuse

    def _socket(self) -> socket.socket:
        if self._listening is None:
            raise RuntimeError("the relay is closed")
        return self._listening

    def _listen(self, port: int) -> None:
        self._listening = namespaces.listening("127.0.0.1", port)
        Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def _accept(self, listening: socket.socket) -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        plan = self._due()
        with client, suppress(OSError):
            if plan and plan.kind == "silent":
                time.sleep(SILENCE)
            elif plan and plan.kind == "garbage":
                client.sendall(b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\n\r\n" * 3)
            elif plan is None or plan.kind != "close":
                self._join(client, plan)

    def _due(self) -> Plan | None:
        plan = self._plan
        if plan is None or plan.met >= plan.times:
            return None
        if plan.skip:
            plan.skip -= 1
            return None
        if plan.kind not in ("after", "delivered"):  # those count when they cut
            plan.met += 1
        return plan

    def _join(self, client: socket.socket, plan: Plan | None) -> None:
        with socket.create_connection(("127.0.0.1", self.target)) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            Thread(target=_pass_on, args=(server, client), daemon=True).start()
            sent = self._upstream(client, server, plan)
        self.sent.append(sent)

    def _upstream(self, client: socket.socket, server: socket.socket, plan: Plan | None) -> int:
        """Pass on what the client sends until it ends or the plan cuts; return how many bytes that was."""
        cuts = plan if plan and plan.kind in ("after", "delivered") else None
        client.settimeout(LULL if cuts else None)
        sent = 0
        while True:
            try:
                data = client.recv(CHUNK)
            except TimeoutError:
                if cuts and cuts.kind == "delivered" and sent >= cuts.bytes and self._take(cuts):
                    return _cut(client, server, sent)
                continue
            if not data:
                with suppress(OSError):
                    server.shutdown(socket.SHUT_WR)
                return sent
            if cuts and cuts.kind == "after" and sent + len(data) >= cuts.bytes and self._take(cuts):
                return _cut(client, server, sent)
            server.sendall(data)
            sent += len(data)

    def _take(self, plan: Plan) -> bool:
        if plan.met >= plan.times:
            return False
        plan.met += 1
        return True


def _cut(client: socket.socket, server: socket.socket, sent: int) -> int:
    for each in (client, server):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
    return sent


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    forward: Callable[[bytes], None] = sink.sendall
    with suppress(OSError):
        while data := source.recv(CHUNK):
            forward(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_RDWR)
