"""Servers of the site: started once, remembered by pid and start time, ended by that pid."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import namespaces
from lab.commands import environment
from lab.errors import LabError
from lab.site import Site

MARK = "WIREGUARD_VPN_LAB_PROCESS"
"""Environment variable every server of a site carries, so that orphans are found by it."""
_children: "list[subprocess.Popen[bytes]]" = []
"""Servers this process started; they outlive it, and until then somebody must wait for them."""
_keeping = threading.Lock()


@dataclass(frozen=True)
class Processes:
    """The servers of one site."""

    site: Site

    def start(self, name: str, argv: Sequence[str | Path]) -> None:
        """Start the server `name` unless it runs; what it says goes to its log.

        The server gets a session of its own and the checkout as working directory.
        """
        if self.pid(name) is not None:
            return
        self.site.prepare()
        self.ready_file(name).unlink(missing_ok=True)
        log = (self.site.logs / f"{name}.log").open("ab")
        with log:
            process = subprocess.Popen(
                [str(word) for word in argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.site.root,
                env=environment({MARK: self.site.hash, "PYTHONUNBUFFERED": "1"}),
                start_new_session=True,
            )
        with _keeping:
            _children[:] = [process, *(child for child in _children if child.poll() is None)]
        self._file(name).write_text(f"{process.pid} {start_time(process.pid)}\n")

    def pid(self, name: str) -> int | None:
        """Return the pid of the running server `name`, None when it does not run."""
        try:
            pid, started = self._file(name).read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if start_time(int(pid)) == started else None

    def stop(self, name: str) -> None:
        """End the server `name` if it runs."""
        pid = self.pid(name)
        if pid is not None:
            end([pid])
        self._file(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Every server that was started and not stopped."""
        return sorted(path.stem for path in self.site.run.glob("*.pid"))

    def ready_file(self, name: str) -> Path:
        """Return the empty file the server `name` makes once it serves."""
        return self.site.run / f"{name}.ready"

    def wait(self, name: str, timeout: float = 20) -> None:
        """Wait until the server `name` has made its ready file.

        Raises LabError with the end of its log when it ends before, or after `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.ready_file(name).exists():
            if self.pid(name) is None or time.monotonic() > deadline:
                raise LabError(f"{name} did not come up: {self.tail(name)}")
            time.sleep(0.02)

    def tail(self, name: str) -> str:
        """Return the last five lines of the log of `name`, on one line."""
        path = self.site.logs / f"{name}.log"
        text = path.read_text(errors="replace") if path.exists() else ""
        return " / ".join(text.splitlines()[-5:])

    def orphans(self) -> list[int]:
        """Return every process of this site, remembered or not."""
        wanted = f"{MARK}={self.site.hash}".encode()
        networks = namespaces.identities(self.site.prefix)
        return [p for p in all_pids() if marked(p, wanted) or network_of(p) in networks]

    def _file(self, name: str) -> Path:
        return self.site.run / f"{name}.pid"


def start_time(pid: int) -> str | None:
    """Return when the process started, in clock ticks since boot; None when there is none.

    Field 22 of /proc/PID/stat (proc(5)); a dead process not yet waited for counts as none.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]


def end(pids: Iterable[int], timeout: float = 5) -> None:
    """Ask the processes to end, and kill those that have not after `timeout` seconds."""
    left = _signal(pids, signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while left and time.monotonic() < deadline:
        time.sleep(0.02)
        left = {p: s for p, s in left.items() if start_time(p) == s}
    _signal(left, signal.SIGKILL)


def _signal(pids: Iterable[int], number: signal.Signals) -> dict[int, str | None]:
    reached = {}
    for pid in pids:
        reached[pid] = start_time(pid)
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            del reached[pid]
    return reached


def all_pids() -> list[int]:
    """Return the pids of all processes but this one and its ancestors."""
    own, pid = {0}, os.getpid()
    while pid:
        own.add(pid)
        pid = _parent(pid)
    return [int(path.name) for path in Path("/proc").glob("[0-9]*") if int(path.name) not in own]


def _parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def marked(pid: int, mark: bytes) -> bool:
    """Whether the process was started with `mark` in its environment."""
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def network_of(pid: int) -> tuple[int, int] | None:
    """Return what tells the process's network namespace from others (device and inode)."""
    try:
        status = Path(f"/proc/{pid}/ns/net").stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
