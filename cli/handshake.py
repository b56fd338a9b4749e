"""One WireGuard handshake from here, as any client makes it: proof that the UDP port answers and the keys fit.

Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s by a library; around it WireGuard's framing (whitepaper, section 5.4). The
session is never used: the server does not count it as a handshake of the peer (it waits for a first packet).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import socket
import struct
import time
from dataclasses import dataclass
from typing import Any, Final, Literal

from cryptography.exceptions import InvalidTag
from noise.connection import Keypair, NoiseConnection
from noise.exceptions import NoiseInvalidMessage

from cli.client_file import ClientFile

PATIENCE_SECONDS: Final = 5.0
"""A handshake must succeed within this time (data model 4)."""
RETRY_SECONDS: Final = 1.0
NOISE: Final = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s"
PROLOGUE: Final = b"WireGuard v1 zx2c4 Jason@zx2c4.com"
LABEL_MAC1: Final = b"mac1----"
NO_MAC: Final = bytes(16)
INITIATION, RESPONSE, COOKIE = 1, 2, 3
LARGEST: Final = 256
TAI64_EPOCH: Final = 0x400000000000000A

Kind = Literal["handshake", "loaded", "silent", "unreachable"]


@dataclass(frozen=True)
class Answer:
    """How the server answered: with a handshake after `milliseconds`, with a cookie under load, or not at all."""

    kind: Kind
    milliseconds: float = 0.0
    reason: str = ""

    @property
    def answered(self) -> bool:
        """Whether something that holds the server's key listens at the port."""
        return self.kind in ("handshake", "loaded")


def shake(client: ClientFile, seconds: float | None = None) -> Answer:
    """Try to shake hands for up to `seconds` (else PATIENCE_SECONDS), again every second; packets get lost."""
    try:
        found = socket.getaddrinfo(client.host, client.port, type=socket.SOCK_DGRAM)
    except OSError as error:
        return Answer("unreachable", reason=f"{client.host} cannot be resolved: {error.strerror}")
    family, kind, protocol, _, address = found[0]
    end = time.monotonic() + (PATIENCE_SECONDS if seconds is None else seconds)
    refused = ""
    with socket.socket(family, kind, protocol) as channel:
        while (left := end - time.monotonic()) > 0:
            try:
                channel.connect(address)
                answer = _attempt(channel, client, min(RETRY_SECONDS, left))
            except OSError as error:
                refused = error.strerror or str(error)
                time.sleep(min(RETRY_SECONDS, max(end - time.monotonic(), 0)))
                continue
            if answer:
                return answer
    return Answer("unreachable", reason=refused) if refused else Answer("silent")


def _attempt(channel: socket.socket, client: ClientFile, seconds: float) -> Answer | None:
    """Send one initiation and wait for its answer; None when there is none in time."""
    noise = _initiator(client)
    sender = secrets.token_bytes(4)
    begun = time.monotonic()
    channel.send(initiation(noise, sender, _raw(client.server_key)))
    while (left := begun + seconds - time.monotonic()) > 0:
        channel.settimeout(left)
        try:
            packet = channel.recv(LARGEST)
        except TimeoutError:
            return None
        kind = _understood(noise, packet, sender)
        if kind:
            return Answer(kind, round((time.monotonic() - begun) * 1000, 1))
    return None


def initiation(noise: Any, sender: bytes, server_key: bytes) -> bytes:
    """Return the first message: type, our index, the Noise message around the time stamp, mac1, no mac2."""
    head = struct.pack("<I", INITIATION) + sender + bytes(noise.write_message(time_stamp()))
    return head + mac1(server_key, head) + NO_MAC


def mac1(server_key: bytes, message: bytes) -> bytes:
    """Return the keyed hash without which WireGuard stays silent (whitepaper, section 5.4.4)."""
    key = hashlib.blake2s(LABEL_MAC1 + server_key).digest()
    return hashlib.blake2s(message, key=key, digest_size=16).digest()


def time_stamp() -> bytes:
    """Return now as TAI64N; the server takes only later ones than the last of the same peer."""
    now = time.time_ns()
    return struct.pack(">QI", TAI64_EPOCH + now // 1_000_000_000, now % 1_000_000_000)


def _understood(noise: Any, packet: bytes, sender: bytes) -> Kind | None:
    """Return what a packet means to us; None for what is no answer of this server to this message."""
    kind = struct.unpack("<I", packet[:4])[0] if len(packet) >= 4 else 0
    if kind == COOKIE and packet[4:8] == sender:
        return "loaded"
    if kind != RESPONSE or len(packet) != 92 or not hmac.compare_digest(packet[8:12], sender):
        return None
    try:
        noise.read_message(packet[12:60])
    except (NoiseInvalidMessage, InvalidTag, ValueError):  # forged, or another preshared key
        return None
    return "handshake"


def _initiator(client: ClientFile) -> Any:
    noise = NoiseConnection.from_name(NOISE)
    noise.set_prologue(PROLOGUE)
    noise.set_psks(psk=_raw(client.preshared_key) if client.preshared_key else bytes(32))
    noise.set_as_initiator()
    noise.set_keypair_from_private_bytes(Keypair.STATIC, _raw(client.private_key))
    noise.set_keypair_from_public_bytes(Keypair.REMOTE_STATIC, _raw(client.server_key))
    noise.start_handshake()
    return noise


def _raw(key: str) -> bytes:
    return base64.b64decode(key)
