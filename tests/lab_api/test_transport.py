"""The stand-ins on the wire: TLS 1.3, reason phrases, faults on demand, a log without secrets."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from lab.api.faults import Fault, FaultFile
from lab.api.requestlog import read_log
from lab.certificates import Certificates, ensure_certificates
from lab.pbs.login import PbsLogin
from lab.pbs.service import PbsConfig
from lab.pbs.service import build as build_pbs
from lab.pve.service import PveConfig, build, use_pbs
from lab.pve.simulation import SimulatedContainers
from lab.site import Site

SECRET, PASSWORD = "11111111-2222-3333-4444-555555555555", "root's password"
PROGRAM, BACKUP = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
TOKEN = f"PVEAPIToken=wgdeploy@pve!pulumi={SECRET}"


@dataclass
class Wire:
    """One running server, asked over HTTPS."""

    port: int
    ca: Path
    state: Path
    log: Path
    authorization: str

    def call(self, method: str, target: str, authorization: str | None = None, **params: str) -> tuple[int, str, bytes]:
        context = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPSConnection("localhost", self.port, context=context, timeout=10)
        headers = {"Authorization": authorization or self.authorization}
        body = urlencode(params) if method != "GET" else None
        if body:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        try:
            connection.request(method, f"/api2/json{target}", body, headers)
            answer = connection.getresponse()
            return answer.status, answer.reason, answer.read()
        finally:
            connection.close()

    def plant(self, fault: Fault) -> None:
        FaultFile(self.state / "faults.json").plant(fault)


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return ensure_certificates(Site(tmp_path, "abcdef"))


@pytest.fixture
def pbs(tmp_path: Path, certificates: Certificates) -> Iterator[Wire]:
    config = PbsConfig(
        tmp_path / "pbs",
        tmp_path / "pbs.jsonl",
        0,
        certificates.certificate,
        certificates.key,
        PROGRAM,
        BACKUP,
        delay_401=0,
    )
    server, _ = build_pbs(config)
    yield from serve(
        server,
        Wire(
            server.server_port, certificates.ca, config.root, config.log, f"PBSAPIToken=wgdeploy@pbs!pulumi:{PROGRAM}"
        ),
    )


@pytest.fixture
def pve(tmp_path: Path, certificates: Certificates, pbs: Wire) -> Iterator[Wire]:
    (tmp_path / "t.tar.zst").write_text("a template")
    config = PveConfig(
        root=tmp_path / "pve", log=tmp_path / "pve.jsonl", port=0, certificate=certificates.certificate,
        key=certificates.key, driver=SimulatedContainers(tmp_path / "cts"), templates=lambda name: tmp_path / name,
        token_secret=SECRET, root_password=PASSWORD, delay_401=0)  # fmt: skip
    server, cluster = build(config)
    use_pbs(cluster, port=pbs.port, ca=certificates.ca, datastore=pbs.state / "datastore" / "backup",
            secret_text=BACKUP, token="pve@pbs!backup", fingerprint="")  # fmt: skip
    yield from serve(server, Wire(server.server_port, certificates.ca, config.root, config.log, TOKEN))


def serve(server: http.server.HTTPServer, wire: Wire) -> Iterator[Wire]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield wire
    server.shutdown()
    server.server_close()
    thread.join()


def wait(wire: Wire, answer: tuple[int, str, bytes]) -> str:
    upid = json.loads(answer[2])["data"]
    while True:
        state = json.loads(wire.call("GET", f"/nodes/pve/tasks/{quote(upid, safe='')}/status")[2])["data"]
        if state["status"] == "stopped":
            return str(state["exitstatus"])


def test_tls_1_3_only_and_a_certificate_of_the_labs_own_ca(pve: Wire) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        Wire(
            pve.port, Path(ssl.get_default_verify_paths().cafile or "/etc/ssl/cert.pem"), pve.state, pve.log, TOKEN
        ).call("GET", "/version")
    context = ssl.create_default_context(cafile=pve.ca)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with socket.create_connection(("127.0.0.1", pve.port)) as raw, pytest.raises(ssl.SSLError):
        context.wrap_socket(raw, server_hostname="localhost")


def test_message_stands_in_the_reason_phrase_and_in_the_body(pve: Wire) -> None:
    status, reason, body = pve.call("GET", "/cluster/backup/nope")
    assert (status, reason) == (400, "Parameter verification failed.")
    assert json.loads(body)["errors"] == {"id": "No such job 'nope'"}
    assert pve.call("GET", "/version", "PVEAPIToken=a@b!c=d") == (401, "Authentication failed!", b"")


def test_slashes_collapse_and_the_path_is_decoded_once(pve: Wire) -> None:
    assert pve.call("GET", "//version/")[0] == 200
    started = pve.call("POST", "/nodes/pve/storage/local/download-url/", content="vztmpl", filename="t.tar.zst",
                       url="http://download.lab.internal/t.tar.zst")  # fmt: skip
    assert wait(pve, started) == "OK"
    found = pve.call("GET", "/nodes/pve/storage/local/content/local:vztmpl%2Ft.tar.zst")
    assert found[0] == 200
    assert pve.call("GET", "/nodes/pve/storage/local/content/local:vztmpl%252Ft.tar.zst")[0] == 500


def test_fault_hits_the_matching_request_once_and_is_used_up(pve: Wire) -> None:
    pve.plant(Fault("status", method="GET", path="/version$", status=429, message="Too Many Requests", skip=1))
    assert [pve.call("GET", "/version")[0] for _ in range(3)] == [200, 429, 200]
    pve.plant(Fault("garbage", path="/version$"))
    status, _, body = pve.call("GET", "/version")
    assert status == 200
    with pytest.raises(ValueError, match=r"Expecting"):
        json.loads(body)
    assert FaultFile(pve.state / "faults.json").planned() == []


@pytest.mark.parametrize(("kind", "written"), [("cut-before", False), ("cut-after", True)])
def test_connection_is_cut_before_or_after_the_write(pve: Wire, kind: str, *, written: bool) -> None:
    root = pve.call("POST", "/access/ticket", username="root@pam", password=PASSWORD)
    assert root[0] == 200
    pve.plant(Fault("timeout", path="/version$", seconds=0))
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        pve.call("GET", "/version")
    pve.plant(Fault("cut-before" if kind == "cut-before" else "cut-after", method="POST", path="/download-url$"))
    wanted = {"content": "vztmpl", "filename": "t.tar.zst", "url": "http://download.lab.internal/t.tar.zst"}
    with pytest.raises((http.client.RemoteDisconnected, ConnectionError, ssl.SSLError)):
        pve.call("POST", "/nodes/pve/storage/local/download-url", **wanted)
    tasks = json.loads(pve.call("GET", "/nodes/pve/tasks?source=all")[2])["data"]
    assert bool(tasks) == written


def test_log_names_parameters_and_holds_no_value_of_a_secret(pve: Wire) -> None:
    pve.call("POST", "/access/ticket", username="root@pam", password=PASSWORD)
    pve.call("GET", "/cluster/nextid?vmid=2090")
    assert [(each["method"], each["path"], each["status"], each["parameters"]) for each in read_log(pve.log)] == [
        ("POST", "/api2/json/access/ticket", 200, ["password", "username"]),
        ("GET", "/api2/json/cluster/nextid", 200, ["vmid"]),
    ]
    text = pve.log.read_text()
    assert SECRET not in text
    assert PASSWORD not in text
    assert read_log(pve.log)[1]["auth"] == "wgdeploy@pve!pulumi"


CT = {"vmid": "2090", "ostemplate": "local:vztmpl/t.tar.zst", "storage": "local-lvm", "pool": "wireguard",
      "hostname": "wireguard", "features": "nesting=1"}  # fmt: skip


def test_backup_goes_to_the_backup_server_and_comes_back(pve: Wire, pbs: Wire) -> None:
    download = {"content": "vztmpl", "filename": "t.tar.zst", "url": "http://download.lab.internal/t.tar.zst"}
    assert wait(pve, pve.call("POST", "/nodes/pve/storage/local/download-url", **download)) == "OK"
    assert wait(pve, pve.call("POST", "/nodes/pve/lxc", **CT)) == "OK"
    shown = {each["storage"]: each for each in json.loads(pve.call("GET", "/storage")[2])["data"]}
    assert not {"password_file", "password", "ca_file", "datastore_path"} & set(shown["pbs"])
    assert wait(pve, pve.call("POST", "/nodes/pve/vzdump", vmid="2090", storage="pbs")) == "OK"
    held = json.loads(
        pbs.call("GET", "/admin/datastore/backup/snapshots?ns=wireguard&backup-type=ct&backup-id=2090")[2]
    )["data"]
    assert {"root.pxar.didx", "pct.conf.blob", "index.json.blob"} <= set(held[0]["files"])
    assert held[0]["owner"] == "pve@pbs!backup"
    volumes = json.loads(pve.call("GET", "/nodes/pve/storage/pbs/content?content=backup&vmid=2090")[2])["data"]
    again = {"vmid": "2091", "ostemplate": volumes[0]["volid"], "restore": "1", "pool": "wireguard", "unique": "1"}
    assert wait(pve, pve.call("POST", "/nodes/pve/lxc", **again)) == "OK"
    config = json.loads(pve.call("GET", "/nodes/pve/lxc/2091/config")[2])["data"]
    assert config["hostname"] == "wireguard"


def test_backup_fails_when_the_backup_server_refuses(pve: Wire, pbs: Wire) -> None:
    download = {"content": "vztmpl", "filename": "t.tar.zst", "url": "http://download.lab.internal/t.tar.zst"}
    wait(pve, pve.call("POST", "/nodes/pve/storage/local/download-url", **download))
    wait(pve, pve.call("POST", "/nodes/pve/lxc", **CT))
    pbs.plant(Fault("status", status=500))
    assert wait(pve, pve.call("POST", "/nodes/pve/vzdump", vmid="2090", storage="pbs")) == "job errors"
    assert json.loads(pbs.call("GET", "/admin/datastore/backup/snapshots?ns=wireguard")[2])["data"] == []
    wrong = PbsLogin(f"https://127.0.0.1:{pbs.port}", "pve@pbs!backup", "wrong", pbs.ca)
    with pytest.raises(OSError, match="401"):
        wrong.privileges("/datastore/backup")
    assert BACKUP not in (pve.state / "state.json").read_text()


def test_a_server_about_to_start_gives_way_to_a_stranger_on_its_port(tmp_path: Path) -> None:
    site = Site.of(tmp_path)
    remembered = site.port("netbox")
    site.claim("netbox")
    assert site.port("netbox") == remembered
    with socket.create_server(("127.0.0.1", remembered)):
        site.claim("netbox")
        assert site.port("netbox") != remembered
