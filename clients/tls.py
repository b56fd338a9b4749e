"""How a server proves who it is: the system's authorities, a CA file, or a pinned fingerprint.

Verification is never off. A pinned certificate replaces the chain's proof, as Proxmox VE itself
pins a backup server's self-signed certificate (PBS documentation, "Fingerprint").
"""

import hashlib
import hmac
import os
import re
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any, Self

from clients import local_path

FINGERPRINT_DIGITS = 64
SYSTEM_FILE = "SSL_CERT_FILE"
"""Names a file of further authorities, as for Proxmox's plugin: Go, too, goes on reading the system's directories."""
_reading = Lock()


@dataclass(frozen=True)
class Trust:
    """What a server's certificate is held against.

    `ca_file` is a PEM bundle; `fingerprint` the SHA-256 of the DER certificate, in hexadecimal with
    or without colons. With neither, the system's authorities count, and those in the file that `SSL_CERT_FILE` names.
    """

    ca_file: Path | None = None
    fingerprint: str | None = None

    @classmethod
    def configured(cls, project: Path, key: str, ca_file: str | None, fingerprint: str | None) -> Self:
        """Return what the config says: in `ca_file`, `~` is the home, and a relative path counts from `project`.

        Raise ConfigError, naming the config key `key`, when that file cannot be read; a fingerprint needs none.
        """
        found = cls(project / local_path.expanded(ca_file) if ca_file else None, fingerprint)
        if found.ca_file and not fingerprint:
            local_path.must_be_readable(key, found.ca_file)
        return found


def ssl_context(trust: Trust) -> ssl.SSLContext:
    """Return the TLS client settings that enforce `trust`; the same for all connections of a process.

    Raises ValueError for a malformed fingerprint and OSError for an unreadable CA file.
    """
    if trust.fingerprint:
        return PinnedContext.of(normal_fingerprint(trust.fingerprint))
    path = str(trust.ca_file or os.environ.get(SYSTEM_FILE, ""))
    changed = Path(path).stat().st_mtime_ns if path and Path(path).exists() else 0
    with _reading:  # a refresh asks every system at the same time: one of them reads, the others wait for it
        return _context(path, changed, alone=trust.ca_file is not None)


@cache
def _context(path: str, _changed: int, *, alone: bool) -> ssl.SSLContext:
    """Read certificates once: the system's are many, and a refresh connects to every system several times."""
    context = ssl.create_default_context(cafile=path or None)
    if path and not alone:
        context.load_default_certs()
        # OpenSSL passes its own file over for that of SSL_CERT_FILE.
        system = ssl.get_default_verify_paths().openssl_cafile
        if Path(system).exists():
            context.load_verify_locations(system)
    return context


def normal_fingerprint(text: str) -> str:
    """Return a SHA-256 fingerprint as 64 lower-case hexadecimal digits; ValueError if it is none."""
    digits = re.sub(r"^sha-?256[:=]", "", text.strip().lower()).replace(":", "")
    if not re.fullmatch(rf"[0-9a-f]{{{FINGERPRINT_DIGITS}}}", digits):
        raise ValueError("a SHA-256 fingerprint has 64 hexadecimal digits")
    return digits


class PinnedContext(ssl.SSLContext):
    """Settings under which exactly one certificate is accepted, whoever signed it."""

    pinned: str

    @classmethod
    def of(cls, fingerprint: str) -> "PinnedContext":
        """Return the context that accepts only the certificate with `fingerprint`."""
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.pinned = fingerprint
        return context

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Shake hands, then refuse any other certificate (ssl.SSLCertVerificationError)."""
        wrapped = super().wrap_socket(*args, **kwargs)
        seen = hashlib.sha256(wrapped.getpeercert(binary_form=True) or b"").hexdigest()
        if not hmac.compare_digest(seen, self.pinned):
            wrapped.close()
            raise ssl.SSLCertVerificationError(f"certificate fingerprint is {seen}, pinned is {self.pinned}")
        return wrapped

    def wrap_bio(self, *_args: Any, **_kwargs: Any) -> ssl.SSLObject:
        """Refuse TLS over anything but a socket (ssl.SSLError): nothing would be held against the fingerprint."""
        raise ssl.SSLError("a pinned certificate cannot be checked through a proxy")
