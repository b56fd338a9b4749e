"""A self-signed certificate for localhost, made for one test run."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Certificate:
    """PEM files of certificate and key, and the certificate's SHA-256 fingerprint."""

    certificate: Path
    key: Path
    fingerprint: str


def make(directory: Path) -> Certificate:
    """Write a new certificate and its key into `directory`."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    usage = _usage()
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = directory / "server.pem", directory / "server.key"
    files[0].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    digest = hashlib.sha256(signed.public_bytes(serialization.Encoding.DER)).hexdigest()
    return Certificate(*files, digest)


def _usage() -> x509.KeyUsage:
    """Allow a certificate that signs itself to serve as its own authority."""
    denied = ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only")
    allowed = ("digital_signature", "key_cert_sign", "crl_sign")
    return x509.KeyUsage(**dict.fromkeys(allowed, True), **dict.fromkeys((*denied, "decipher_only"), False))
