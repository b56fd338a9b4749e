"""A real SSH server in this process: host keys, logins, commands and forwarding as a test wants."""

import io
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import paramiko
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

Answer = tuple[int, str, str]


def new_key() -> str:
    """Return a fresh OpenSSH private key."""
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.OpenSSH, ser.NoEncryption()).decode()


def loaded(private: str) -> paramiko.PKey:
    """Return a private key as paramiko has it."""
    return paramiko.Ed25519Key.from_private_key(io.StringIO(private))


def public(private: str) -> str:
    """Return type and public part, as known_hosts has it."""
    key = loaded(private)
    return f"{key.get_name()} {key.get_base64()}"


@dataclass
class Sshd:
    """One server on a loopback port. `answer` makes of command and stdin what the command does."""

    login: str
    answer: Callable[[str, bytes], Answer] = lambda _command, _stdin: (0, "", "")
    host_key: str = field(default_factory=new_key)
    attempts: list[str] = field(default_factory=list)
    commands: list[tuple[str, bytes]] = field(default_factory=list)
    port: int = 0

    @property
    def pinned(self) -> str:
        """The host key as a client pins it."""
        return public(self.host_key)

    @contextmanager
    def running(self, after: float = 0.0) -> Iterator["Sshd"]:
        """Serve until the block ends, after so many seconds of refusing."""
        listening = socket.socket()
        listening.bind(("127.0.0.1", 0))  # refuses as long as it does not listen
        self.port = listening.getsockname()[1]
        transports: list[paramiko.Transport] = []
        starting = threading.Timer(after, self._accept, (listening, transports))
        starting.daemon = True
        if not after:  # whoever connects first must not be quicker
            listening.listen()
        starting.start()
        try:
            yield self
        finally:
            starting.cancel()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)
            listening.close()
            for transport in transports:
                transport.close()

    def _accept(self, listening: socket.socket, transports: list[paramiko.Transport]) -> None:
        with suppress(OSError):
            listening.listen()
            while True:
                connection, _ = listening.accept()
                transport = paramiko.Transport(connection)
                transports.append(transport)
                transport.add_server_key(loaded(self.host_key))
                with suppress(Exception):
                    transport.start_server(server=_Server(self, transport), event=threading.Event())


class _Server(paramiko.ServerInterface):
    def __init__(self, sshd: Sshd, transport: paramiko.Transport) -> None:
        self.sshd, self.transport = sshd, transport

    def get_allowed_auths(self, username: str) -> str:
        del username
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        self.sshd.attempts.append(username)
        good = f"{key.get_name()} {key.get_base64()}" == self.sshd.login
        return AUTH_SUCCESSFUL if good else AUTH_FAILED

    def check_channel_request(self, kind: str, chanid: int) -> int:
        del kind, chanid
        return OPEN_SUCCEEDED

    def check_channel_direct_tcpip_request(self, chanid: int, origin: Any, destination: Any) -> int:
        del origin
        try:
            target = socket.create_connection(destination, 2)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        threading.Thread(target=self._forward, args=(chanid, target), daemon=True).start()
        return OPEN_SUCCEEDED

    def _forward(self, chanid: int, target: socket.socket) -> None:
        channel = next(c for c in iter(lambda: self.transport.accept(5), None) if c.get_id() == chanid)

        def pump(source: Any, sink: Any) -> None:
            with suppress(Exception):
                while data := source.recv(32768):
                    sink.sendall(data)
            with suppress(Exception):
                sink.close()

        threading.Thread(target=pump, args=(channel, target), daemon=True).start()
        pump(target, channel)

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        threading.Thread(target=self._execute, args=(channel, command.decode()), daemon=True).start()
        return True

    def _execute(self, channel: paramiko.Channel, command: str) -> None:
        stdin = channel.makefile("rb").read()
        self.sshd.commands.append((command, stdin))
        status, stdout, stderr = self.sshd.answer(command, stdin)
        channel.sendall(stdout.encode())
        channel.sendall_stderr(stderr.encode())
        channel.send_exit_status(status)
        channel.close()
