"""A gate before an API: all requests of the stack go through it, and it breaks the one it was told to."""

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

from tests.faults import proxy
from tests.faults.proxy import CUT, Fault, FaultyProxy, Recorded, Reply

Concerns = Callable[[Recorded], bool]
ALWAYS = 10**9


@dataclass
class Break:
    """Which requests to break: those that `concerns`, after the first `skip`, `times` of them.

    `everything_after` breaks all that follow, whatever it is; `refuses` stops listening.
    """

    concerns: Concerns
    fault: Fault
    skip: int = 0
    times: int = 1
    everything_after: bool = False
    refuses: bool = False
    met: int = 0


class Gate(FaultyProxy):
    """A TLS proxy before `target` with the lab's certificate; it can also refuse connections."""

    def __init__(self, target: str, certificate: Path, key: Path, ca: Path) -> None:
        super().__init__(target.rstrip("/"), certificate, key, ssl.create_default_context(cafile=ca))
        self._files = certificate, key
        self._address = self._server.server_address[:2]
        self._plan: Break | None = None
        self._plan_lock = Lock()
        self._listening = True

    def arm(self, plan: Break) -> None:
        """Carry out `plan` from now on."""
        with self._plan_lock:
            self._plan = plan

    def mend(self) -> int:
        """Let everything pass again; return how many requests were broken."""
        with self._plan_lock:
            plan, self._plan = self._plan, None
            self.requests.clear()
        if not self._listening:
            self._listen()
        return plan.met if plan else 0

    def count(self, concerns: Concerns) -> int:
        """Return how many requests of a kind have passed since the last `mend`."""
        return sum(map(concerns, list(self.requests)))

    def handle(self, request: Recorded) -> Reply:
        """Record the request and return the reply, broken if the plan says so."""
        with self._plan_lock:
            self.requests.append(request)
            plan = self._due(request)
        if plan is None:
            return self._forwarded(request)
        if plan.refuses:
            Thread(target=self._refuse).start()
        return plan.fault(lambda: self._forwarded(request))

    def _forwarded(self, request: Recorded) -> Reply:
        """Pass on what the server answers; a server that hangs up counts as a cut."""
        try:
            return proxy.forward(self.target, request, self.trust)
        except OSError:
            return CUT

    def _due(self, request: Recorded) -> Break | None:
        plan = self._plan
        if plan is None:
            return None
        if plan.everything_after and plan.met:
            plan.met += 1
            return plan
        if not plan.concerns(request) or plan.met >= plan.times:
            return None
        if plan.skip:
            plan.skip -= 1
            return None
        plan.met += 1
        return plan

    def _refuse(self) -> None:
        """Stop listening: whoever connects is refused by the kernel."""
        if self._listening:
            self._listening = False
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def _listen(self) -> None:
        self._server = proxy._Server(self._address, proxy._Handler)  # noqa: SLF001 - one way to serve
        self._server.proxy = self
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self._files)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._listening = True
        self._thread.start()


def silent(seconds: float) -> Fault:
    """Say nothing for `seconds`, then cut; the server never sees the request."""

    def fault(_: Callable[[], Reply]) -> Reply:
        time.sleep(seconds)
        return CUT

    return fault
