"""A WireGuard server's half of a handshake on loopback, by the whitepaper: silent to whoever it does not know."""

import base64
import hashlib
import socket
import struct
import threading
from dataclasses import dataclass, field
from typing import Any, Self

from noise.connection import Keypair, NoiseConnection

from tests.pure import support

KEY = support.private_key("responder")
PEER = support.private_key("probing peer")


@dataclass
class Responder:
    """A server that knows one peer. `deaf` counts the initiations it lets pass, `loaded` answers with cookies.

    `stamps` are the time stamps of all initiations, also of those without an answer.
    """

    preshared: bytes = bytes(32)
    deaf: int = 0
    loaded: bool = False
    stamps: list[bytes] = field(default_factory=list)

    def __enter__(self) -> Self:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(0.1)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self.thread.join()
        self.socket.close()

    @property
    def port(self) -> int:
        """The UDP port."""
        return int(self.socket.getsockname()[1])

    def _serve(self) -> None:
        while not self.stopped.is_set():
            try:
                packet, sender = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            answer = self._answer(packet)
            if answer:
                self.socket.sendto(answer, sender)

    def _answer(self, packet: bytes) -> bytes | None:
        if len(packet) != 148 or packet[:4] != b"\x01\x00\x00\x00" or not self._genuine(packet):
            return None
        noise = self._noise()
        try:
            self.stamps.append(bytes(noise.read_message(packet[8:116])))
        except Exception:  # noqa: BLE001 - an initiation that is not for us
            return None
        if self.deaf:
            self.deaf -= 1
            return None
        index = packet[4:8]
        if self.loaded:
            return struct.pack("<I", 3) + index + bytes(56)
        head = struct.pack("<I", 2) + b"serv" + index + bytes(noise.write_message())
        return head + bytes(32)

    def _genuine(self, packet: bytes) -> bool:
        key = hashlib.blake2s(b"mac1----" + base64.b64decode(support.public_key("responder"))).digest()
        return hashlib.blake2s(packet[:116], key=key, digest_size=16).digest() == packet[116:132]

    def _noise(self) -> Any:
        noise = NoiseConnection.from_name(b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s")
        noise.set_prologue(b"WireGuard v1 zx2c4 Jason@zx2c4.com")
        noise.set_psks(psk=self.preshared)
        noise.set_as_responder()
        noise.set_keypair_from_private_bytes(Keypair.STATIC, base64.b64decode(KEY))
        noise.start_handshake()
        return noise
