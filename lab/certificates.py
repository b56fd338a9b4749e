"""The lab's own certificate authority and the certificate its HTTPS services share."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.site import Site, write_atomically

LIFETIME = dt.timedelta(days=3650)
NAMES = ("localhost", "pve.lab.internal", "pbs.lab.internal")


@dataclass(frozen=True)
class Certificates:
    """Paths of PEM files: the authority, the servers' certificate and key, and the CA bundle."""

    ca: Path
    certificate: Path
    key: Path
    bundle: Path


def ensure_certificates(site: Site) -> Certificates:
    """Return the site's certificates, making them once."""
    files = Certificates(
        ca=site.state / "ca.pem",
        certificate=site.state / "server.pem",
        key=site.keys / "server.key",
        bundle=site.state / "ca-bundle.pem",
    )
    with site.lock("certificates"):
        if not all(path.exists() for path in (files.ca, files.certificate, files.key, files.bundle)):
            site.prepare()
            _make(files)
    return files


def _make(files: Certificates) -> None:
    ca_key = ec.generate_private_key(ec.SECP256R1())
    server_key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("wireguard-vpn lab authority")
    ca = _ca_certificate(issuer, ca_key)
    server = _server_certificate(issuer, ca_key, server_key)
    write_atomically(files.key, _private_pem(server_key))
    write_atomically(files.ca, _pem(ca), mode=0o644)
    write_atomically(files.certificate, _pem(server), mode=0o644)
    write_atomically(files.bundle, _system_authorities() + _pem(ca), mode=0o644)


def _ca_certificate(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = _builder(name, name, key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(usage, critical=True)
    return builder.sign(key, hashes.SHA256())


def _server_certificate(
    issuer: x509.Name, ca_key: ec.EllipticCurvePrivateKey, key: ec.EllipticCurvePrivateKey
) -> x509.Certificate:
    loopback = [x509.IPAddress(ipaddress.ip_address(a)) for a in ("127.0.0.1", "::1")]
    alternatives = x509.SubjectAlternativeName([*map(x509.DNSName, NAMES), *loopback])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    builder = _builder(_name("localhost"), issuer, key.public_key())
    builder = builder.add_extension(alternatives, critical=False)
    builder = builder.add_extension(authority, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    return builder.sign(ca_key, hashes.SHA256())


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _private_pem(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def _system_authorities() -> str:
    system = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
    path = Path(system)
    return path.read_text() if path.exists() else ""
