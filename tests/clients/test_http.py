"""The HTTP transport: what is trusted, what is repeated, what an error says."""

import datetime as dt
import hashlib
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from clients.http import Http
from clients.proxmox import Proxmox
from clients.tls import Trust, normal_fingerprint, ssl_context
from vpn import errors

CANARY = "canary-token"


def answering(*answers: httpx.Response | Exception) -> tuple[Http, list[httpx.Request]]:
    """Return a transport over made-up answers, and the requests it gets."""
    left, seen = list(answers), []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    http = Http("NetBox", "https://x", secrets=[CANARY], transport=httpx.MockTransport(answer), sleep=lambda _: None)
    return http, seen


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.Rejected),
        (401, errors.Unauthorized),
        (403, errors.Forbidden),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (422, errors.Rejected),
        (500, errors.ServerFault),
    ],
)
def test_statuses_become_errors_with_the_servers_words(status: int, kind: type[errors.ClientError]) -> None:
    http, seen = answering(httpx.Response(status, json={"detail": f"no {CANARY} here"}))
    with pytest.raises(kind, match=r"no \[secret\] here") as failed:
        http.get("/a")
    assert (failed.value.system, failed.value.status, len(seen)) == ("NetBox", status, 1)


def test_a_secret_is_struck_out_whole_where_long_words_are_cut() -> None:
    for filling in range(360, 400):
        http, _ = answering(httpx.Response(500, text="x" * filling + CANARY))
        with pytest.raises(errors.ServerFault) as failed:
            http.get("/a")
        assert "canary" not in str(failed.value)


@pytest.mark.parametrize("trouble", [httpx.Response(503), httpx.Response(429), httpx.ConnectError("refused")])
def test_reading_is_repeated_while_that_may_help(trouble: httpx.Response | Exception) -> None:
    http, seen = answering(trouble, trouble, httpx.Response(200, json=[1]))
    assert http.get("/a") == [1]
    assert len(seen) == 3


def test_writing_is_not_repeated_unless_declared_idempotent() -> None:
    http, seen = answering(httpx.Response(503), httpx.Response(503), httpx.Response(200))
    with pytest.raises(errors.ServerFault):
        http.request("POST", "/a", json={})
    assert len(seen) == 1
    http.request("PUT", "/a", json={}, idempotent=True)
    assert len(seen) == 3


def test_a_write_is_repeated_only_while_the_server_says_that_it_did_nothing() -> None:
    http, seen = answering(httpx.Response(429), httpx.Response(429), httpx.Response(200))
    http.request("POST", "/a", json={})
    assert len(seen) == 3
    for trouble, kind in ((httpx.Response(503), errors.ServerFault), (httpx.ConnectError("x"), errors.Unreachable)):
        http, seen = answering(httpx.Response(429), trouble)
        with pytest.raises(kind):
            http.request("POST", "/a", json={})
        assert len(seen) == 2


def test_repetition_is_bounded() -> None:
    http, seen = answering(*(httpx.Response(429) for _ in range(9)))
    with pytest.raises(errors.Throttled):
        http.get("/a")
    assert len(seen) == 4


def test_an_answer_that_is_no_json_is_told_so() -> None:
    http, _ = answering(httpx.Response(200, text="<html>welcome</html>"))
    with pytest.raises(errors.BadAnswer, match="right URL"):
        http.get("/a")


def test_proxmox_words_are_understood() -> None:
    answers = iter(
        [
            httpx.Response(500, json={"data": None, "message": "Configuration file 'x.conf' does not exist\n"}),
            httpx.Response(595, json={"data": None}),
            httpx.Response(400, json={"data": None, "errors": {"vmid": "VM 2090 already exists"}}),
            httpx.Response(200, json={"data": "UPID:x"}),
            httpx.Response(
                200, json={"data": {"status": "stopped", "exitstatus": "unable to start", "type": "vzstart"}}
            ),
            httpx.Response(200, json={"data": [{"t": "boom"}]}),
        ]
    )
    api = Proxmox(
        "https://x:8006", "a@pve!b=c", transport=httpx.MockTransport(lambda _: next(answers)), sleep=lambda _: None
    )
    with pytest.raises(errors.NotFound):
        api.status("pve", 2090)
    with pytest.raises(errors.Unreachable):
        api.version()
    assert api.vmid_is_free(2090) is False
    with pytest.raises(errors.ServerFault, match="vzstart failed: unable to start"):
        api.start("pve", 2090)


@pytest.fixture(scope="module")
def https(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path, str]]:
    """A server with a certificate nobody signed: its URL, its certificate file and fingerprint."""
    home = tmp_path_factory.mktemp("tls")
    certificate = _certificate(home)
    server = HTTPServer(("127.0.0.1", 0), _Hello)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(home / "cert.pem", home / "key.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fingerprint = hashlib.sha256(certificate.public_bytes(ser.Encoding.DER)).hexdigest()
    yield f"https://127.0.0.1:{server.server_port}", home / "cert.pem", fingerprint
    server.shutdown()
    server.server_close()


class _Hello(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _certificate(home: Path, called: str = "self-signed") -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, called)])
    now = dt.datetime.now(dt.UTC)
    loopback = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(loopback, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (home / "cert.pem").write_bytes(made.public_bytes(ser.Encoding.PEM))
    private = key.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    (home / "key.pem").write_bytes(private)
    return made


def _get(url: str, trust: Trust) -> object:
    http = Http("PBS", url, trust=trust, attempts=1)
    try:
        return http.get("/")
    finally:
        http.close()


def test_an_unknown_certificate_is_refused(https: tuple[str, Path, str]) -> None:
    with pytest.raises(errors.TlsFailure, match="give its CA file or SHA-256 fingerprint"):
        _get(https[0], Trust())


def test_a_ca_file_or_the_right_fingerprint_is_enough(https: tuple[str, Path, str]) -> None:
    url, certificate, fingerprint = https
    colons = ":".join(fingerprint[i : i + 2] for i in range(0, 64, 2)).upper()
    for trust in (Trust(ca_file=certificate), Trust(fingerprint=fingerprint), Trust(fingerprint=colons)):
        assert _get(url, trust) == {}


def test_another_fingerprint_is_refused(https: tuple[str, Path, str]) -> None:
    with pytest.raises(errors.TlsFailure, match="fingerprint"):
        _get(https[0], Trust(fingerprint="0" * 64))


def test_a_pin_is_held_against_sockets_only() -> None:
    with pytest.raises(ssl.SSLError, match="through a proxy"):
        ssl_context(Trust(fingerprint="0" * 64)).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


def test_no_proxy_of_the_environment_comes_between(
    https: tuple[str, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert _get(https[0], Trust(fingerprint=https[2])) == {}


def test_the_environment_s_file_of_authorities_counts(
    https: tuple[str, Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(https[1]))
    assert _get(https[0], Trust()) == {}


def test_the_environment_s_file_takes_nothing_from_the_machine_s_own(
    https: tuple[str, Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Proxmox's plugin needs the variable for its node's CA; NetBox may have a certificate that any machine trusts."""
    _certificate(tmp_path, "the node's")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    with pytest.raises(errors.TlsFailure, match="not trusted"):
        _get(https[0], Trust())
    own = ssl.get_default_verify_paths()._replace(openssl_cafile=str(https[1]))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: own)
    os.utime(tmp_path / "cert.pem", (1, 1))  # what was read once is read anew
    assert _get(https[0], Trust()) == {}
    with pytest.raises(errors.TlsFailure, match="not trusted"):
        _get(https[0], Trust(ca_file=tmp_path / "cert.pem"))


def test_nor_from_the_machine_s_directory_of_authorities(
    https: tuple[str, Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Debian 12 has the directory alone: the file OpenSSL would read is not there."""
    _certificate(tmp_path, "the node's")
    directory = tmp_path / "certs"
    directory.mkdir()
    shutil.copy(https[1], directory)
    subprocess.run(["openssl", "rehash", directory], check=True, timeout=60)
    own = ssl.get_default_verify_paths()._replace(openssl_cafile=str(tmp_path / "missing.pem"))
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: own)
    monkeypatch.setenv("SSL_CERT_DIR", str(directory))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    assert _get(https[0], Trust()) == {}


@pytest.mark.parametrize(
    ("said", "words"), [(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak TLS; is the URL right"), (b"", "TLS")]
)
def test_a_handshake_that_fails_is_no_matter_of_trust_and_is_tried_again(said: bytes, words: str) -> None:
    tries = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listener.accept()
                tries.append(connection.recv(4096))
                connection.sendall(said)
                connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}"
        http = Http("PBS", url, attempts=2, sleep=lambda _: None)
        with pytest.raises(errors.Unreachable, match=words) as failed:
            http.get("/")
        http.close()
        thread.join(5)
    assert len(tries) == 2
    assert "certificate" not in str(failed.value)


def test_malformed_trust_is_told() -> None:
    with pytest.raises(errors.TlsFailure, match="64 hexadecimal digits"):
        _get("https://127.0.0.1:1", Trust(fingerprint="abc"))
    with pytest.raises(ValueError, match="64 hexadecimal"):
        normal_fingerprint("z" * 64)
