"""SSH to one host, directly or through a jump host; every host key is pinned or, once, looked at.

Keys stay in memory. Nothing is accepted unseen: a session needs the host's key, and so does the
jump host. `scan_host_key` alone asks a host for its key, without logging in.
"""

import io
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self, TypeVar

from vpn.errors import HostKeyChanged, RemoteFailed, SshError

if TYPE_CHECKING:
    import paramiko

CONNECT_SECONDS = 10.0
RETRY_SECONDS = 1.0
RUN_SECONDS = 60.0
CHUNK = 32768
LAST_WORDS = 400
RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")

T = TypeVar("T")


@dataclass(frozen=True)
class Way:
    """How a host is reached: where, as whom, with which key, and the host key it must show.

    `private_key` is an OpenSSH private key, `host_key` type and key as in known_hosts; `jump` the
    way to the host that forwards the connection.
    """

    host: str
    user: str = "root"
    port: int = 22
    private_key: str = field(default="", repr=False)
    host_key: str = ""
    jump: "Way | None" = None


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Session:
    """A login on a host; a context manager.

    `patience` is for how many seconds a host that does not answer yet is tried again. Raises
    SshError when the host cannot be reached or refuses the key, HostKeyChanged for another key.
    """

    def __init__(self, way: Way, *, patience: float = 0) -> None:
        self.way = way
        self._stack = ExitStack()
        self._transport = _patiently(lambda: _open(self._stack, way), patience)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the login."""
        self._stack.close()

    def run(self, command: str, stdin: bytes = b"", timeout: float = RUN_SECONDS) -> Done:
        """Run `command` in the login shell and return how it ended.

        `timeout` is the longest silence in seconds. Raises SshError when the connection breaks.
        """
        try:
            return self._run(command, stdin, timeout)
        except TimeoutError:
            raise SshError(f"{self.way.host} has been silent for {timeout:.0f} s") from None
        except (OSError, EOFError, _paramiko().SSHException) as error:
            raise SshError(f"the connection to {self.way.host} broke: {_words(error)}") from None

    def must_run(self, command: str, stdin: bytes = b"", timeout: float = RUN_SECONDS) -> str:
        """Return what `command` prints; RemoteFailed with its last words when it fails."""
        done = self.run(command, stdin, timeout)
        if done.status:
            words = " ".join((done.stderr.strip() or done.stdout.strip())[-LAST_WORDS:].split())
            raise RemoteFailed(f"on {self.way.host}: {words or 'no message'}", done.status)
        return done.stdout

    def _run(self, command: str, stdin: bytes, timeout: float) -> Done:
        channel = self._transport.open_session(timeout=timeout)
        with channel:
            channel.settimeout(timeout)
            channel.exec_command(command)
            for start in range(0, len(stdin), CHUNK):
                channel.sendall(stdin[start : start + CHUNK])
            channel.shutdown_write()
            stdout = channel.makefile("rb").read().decode(errors="replace")
            stderr = channel.makefile_stderr("rb").read().decode(errors="replace")
            return Done(channel.recv_exit_status(), stdout, stderr)


def scan_host_key(host: str, port: int = 22, *, jump: Way | None = None, patience: float = 0) -> str:
    """Return the host key (type and key, ed25519 where the host has one), without logging in.

    Raises SshError when nothing answers within `patience` seconds.
    """

    def look() -> str:
        with ExitStack() as stack:
            transport = _shake_hands(stack, Way(host, port=port, jump=jump))
            return _shown(transport.get_remote_server_key())

    return _patiently(look, patience)


def same_host_key(first: str, second: str) -> bool:
    """Whether two lines name the same key; comments do not count."""
    return first.split()[:2] == second.split()[:2]


def _paramiko() -> Any:
    """Import paramiko only when SSH is spoken: it takes a quarter of a second."""
    import paramiko  # noqa: PLC0415

    logger = logging.getLogger("paramiko")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return paramiko


def _patiently(action: Callable[[], T], patience: float) -> T:
    """Try again what fails because a host is not up yet; a wrong key or a refused login is final."""
    give_up = time.monotonic() + patience
    while True:
        try:
            return action()
        except (HostKeyChanged, _Refused):
            raise
        except SshError:
            if time.monotonic() >= give_up:
                raise
            time.sleep(RETRY_SECONDS)


class _Refused(SshError):
    """The host does not accept the login."""


def _open(stack: ExitStack, way: Way) -> "paramiko.Transport":
    """Log in; what was opened on the way is closed by `stack`, at once when it fails."""
    with ExitStack() as own:
        transport = _login(own, way)
        stack.push(own.pop_all())
        return transport


def _login(stack: ExitStack, way: Way) -> "paramiko.Transport":
    if not way.host_key:
        raise HostKeyChanged(f"no host key of {way.host} is pinned")
    transport = _shake_hands(stack, way)
    if not same_host_key(_shown(transport.get_remote_server_key()), way.host_key):
        raise HostKeyChanged(
            f"{way.host} shows another host key than the pinned one: either it was rebuilt, or "
            "somebody stands between; nothing was sent to it"
        )
    with _plain(way):
        transport.auth_publickey(way.user, _private_key(way))
    return transport


def _shake_hands(stack: ExitStack, way: Way) -> "paramiko.Transport":
    """Exchange keys with the host; nothing secret has been sent when this returns."""
    with _plain(way):
        transport: paramiko.Transport = _paramiko().Transport(_socket(stack, way))
        stack.callback(transport.close)
        transport.banner_timeout = transport.auth_timeout = CONNECT_SECONDS
        if way.host_key:
            transport.get_security_options().key_types = _signatures(way.host_key)
        transport.start_client(timeout=CONNECT_SECONDS)
        return transport


def _socket(stack: ExitStack, way: Way) -> Any:
    if way.jump is None:
        return stack.enter_context(socket.create_connection((way.host, way.port), CONNECT_SECONDS))
    jump = _login(stack, way.jump)
    target = (way.host, way.port)
    channel = jump.open_channel("direct-tcpip", target, ("127.0.0.1", 0), timeout=CONNECT_SECONDS)
    return stack.enter_context(channel)


def _signatures(host_key: str) -> tuple[str, ...]:
    kind = host_key.partition(" ")[0]
    return RSA_SIGNATURES if kind == "ssh-rsa" else (kind,)


def _private_key(way: Way) -> Any:
    keys = _paramiko()
    for kind in (keys.Ed25519Key, keys.ECDSAKey, keys.RSAKey):
        try:
            return kind.from_private_key(io.StringIO(way.private_key))
        except (keys.SSHException, ValueError):
            continue
    raise _Refused(f"the private key for {way.user}@{way.host} cannot be read")


@contextmanager
def _plain(way: Way) -> Iterator[None]:
    """Say in one sentence what went wrong, whatever layer it came from."""
    keys = _paramiko()
    try:
        yield
    except SshError:
        raise
    except keys.AuthenticationException:
        raise _Refused(f"{way.host} does not accept the key of {way.user}") from None
    except keys.ssh_exception.IncompatiblePeer:
        raise HostKeyChanged(f"{way.host} has no host key of the pinned kind") from None
    except (OSError, EOFError, keys.SSHException) as error:
        through = f" through {way.jump.host}" if way.jump else ""
        message = f"{way.host}:{way.port} cannot be reached{through}: {_words(error)}"
        raise SshError(message) from None


def _shown(key: Any) -> str:
    return f"{key.get_name()} {key.get_base64()}"


def _words(error: BaseException) -> str:
    return str(error).strip() or type(error).__name__
