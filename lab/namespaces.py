"""Network namespaces by name, and sockets that belong to one of them."""

import ctypes
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.commands import run

DIRECTORY = Path("/run/netns")
"""Where ip(8) keeps the namespaces that have a name."""
CLONE_NEWNS = 0x00020000
CLONE_NEWNET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def path(name: str) -> Path:
    """Return the file that stands for the namespace `name`, or for that of the process `name`."""
    return Path(f"/proc/{name}/ns/net") if name.isdigit() else DIRECTORY / name


def alive(name: str) -> bool:
    """Whether `name` is a namespace, not just the file a dead one left behind."""
    try:
        return path(name).stat().st_dev == Path("/proc/self/ns/net").stat().st_dev
    except FileNotFoundError:
        return False


def ensure(name: str) -> bool:
    """Make the namespace `name` unless it lives; return whether it was made."""
    if alive(name):
        return False
    path(name).unlink(missing_ok=True)
    run(["ip", "netns", "add", name])
    run(["ip", "-n", name, "link", "set", "lo", "up"])
    return True


def remove(name: str) -> None:
    """Remove the namespace `name`, also what a dead one left behind."""
    if alive(name):
        run(["ip", "netns", "del", name])
    path(name).unlink(missing_ok=True)


def named(prefix: str) -> list[str]:
    """Return the names, living or dead, that begin with `prefix`."""
    return sorted(entry.name for entry in DIRECTORY.glob(prefix + "*"))


def identities(prefix: str) -> set[tuple[int, int]]:
    """Return device and inode of every living namespace whose name begins with `prefix`."""
    found = [path(name).stat() for name in named(prefix) if alive(name)]
    return {(status.st_dev, status.st_ino) for status in found}


def inside(name: str, argv: Sequence[str | Path]) -> list[str]:
    """Return the command that runs `argv` in the namespace `name`."""
    return ["nsenter", f"--net={path(name)}", "--", *(str(word) for word in argv)]


@contextmanager
def entered(name: str) -> Iterator[None]:
    """Let this thread be in the namespace `name` for a while."""
    own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(name)
        yield
    finally:
        _call(_libc.setns(own, CLONE_NEWNET))
        os.close(own)


def enter(name: str) -> None:
    """Move this thread into the namespace `name`."""
    handle = os.open(path(name), os.O_RDONLY)
    try:
        _call(_libc.setns(handle, CLONE_NEWNET))
    finally:
        os.close(handle)


def listen(name: str, address: str, port: int) -> socket.socket:
    """Return a TCP socket that listens in the namespace `name`, whoever uses it."""
    with entered(name):
        return listening(address, port)


def listening(address: str, port: int) -> socket.socket:
    """Return a TCP socket that listens where this thread is; what it accepts sends at once.

    Linux hands the option on to what is accepted. Asyncio sets it only on sockets that name their protocol, which
    those of `create_server` do not: a second small write would wait 40 ms for the first one's acknowledgement.
    """
    made = socket.create_server((address, port), backlog=64)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def leave_mounts() -> None:
    """Give this process a mount table of its own, so that the machine's stays as it is."""
    _call(_libc.unshare(CLONE_NEWNS))
    run(["mount", "--make-rprivate", "/"])


def _call(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
