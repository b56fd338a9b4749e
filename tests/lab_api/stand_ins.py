"""The stand-ins without sockets: requests go straight to the application, containers are simulated."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from lab.api.store import Store
from lab.api.transport import Request
from lab.credentials import PBS_PROGRAM, PVE_PROGRAM
from lab.pbs.app import PbsApp
from lab.pbs.seed import seed as pbs_seed
from lab.pbs.server import BackupServer
from lab.pve.app import PveApp
from lab.pve.cluster import Cluster
from lab.pve.seed import seed
from lab.pve.service import heal
from lab.pve.simulation import SimulatedContainers

SCHEMAS = Path(__file__).parents[3] / "shared" / "schemas"
TEMPLATE = "debian-12-standard_12.12-1_amd64.tar.zst"
URL = f"http://download.lab.internal/{TEMPLATE}"
SECRET, ROOT_PASSWORD = "11111111-2222-3333-4444-555555555555", "correct horse battery"
PROGRAM_SECRET, BACKUP_SECRET = "aaaaaaaa-0000-0000-0000-000000000001", "aaaaaaaa-0000-0000-0000-000000000002"
UNDERSCORED = {"policy_in", "policy_out"}
"""Parameters that Proxmox VE writes with an underscore; all others of ours that have two words have a hyphen."""
CT = "/nodes/pve/lxc/2090"
# fmt: off
NEW_CT: dict[str, Any] = {
    "arch": "amd64", "cmode": "tty", "console": 1, "cores": 1, "cpulimit": 0, "memory": 512, "swap": 512, "tty": 2,
    "onboot": 1, "start": 0, "protection": 0, "template": 0, "unprivileged": 1,
    "ostemplate": f"local:vztmpl/{TEMPLATE}", "ostype": "debian", "storage": "local-lvm",
    "vmid": 2090, "hostname": "wireguard", "pool": "wireguard",
    "features": "nesting=1", "rootfs": "volume=local-lvm:8",
    "net0": "bridge=vmbr0,firewall=1,host-managed=0,ip=192.168.20.90/16,gw=192.168.10.1,name=eth0",
}
# fmt: on


def schema(name: str) -> dict[str, dict[str, Any]]:
    """Method and path → parameters of a real API's schema; skips the test where it is not at hand."""
    path = SCHEMAS / name
    if not path.exists():
        pytest.skip(f"the real API's schema is not at hand ({path})")
    return _schema(path)


@cache
def _schema(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}

    def walk(nodes: list[dict[str, Any]]) -> None:
        for node in nodes:
            for method, info in node.get("info", {}).items():
                found[f"{method} {node['path']}"] = info.get("parameters", {}).get("properties") or {}
            walk(node.get("children") or [])

    walk(json.loads(path.read_text()))
    return found


@dataclass(frozen=True)
class Answer:
    """One answer: `message` is the reason phrase."""

    status: int
    message: str
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return dict(json.loads(self.body))

    @property
    def data(self) -> Any:
        assert self.status == 200, (self.status, self.message, self.body)
        return self.json["data"]

    @property
    def errors(self) -> dict[str, str]:
        return dict(self.json.get("errors", {}))


@dataclass
class Pve:
    """The Proxmox VE stand-in on a directory, asked by the deployment token unless told otherwise."""

    root: Path
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.headers = {"authorization": f"PVEAPIToken={PVE_PROGRAM.id}={SECRET}"}
        self.start()

    def start(self) -> None:
        store = Store(self.root / "state.json", lambda: seed("pve", SECRET, ROOT_PASSWORD))
        self.driver = SimulatedContainers(self.root / "containers")
        self.cluster = Cluster(self.root, store, self.driver, self._template)
        heal(self.cluster)
        self.app = PveApp(self.cluster, delay_401=0)

    def _template(self, name: str) -> Path | None:
        path = self.root / "mirror" / TEMPLATE
        path.parent.mkdir(exist_ok=True)
        path.write_text("a template")
        return path if name == TEMPLATE else None

    def call(self, method: str, path: str, headers: Mapping[str, str] | None = None, /, **params: Any) -> Answer:
        given = {name.replace("_", "-") if name not in UNDERSCORED else name: value for name, value in params.items()}
        texts = {k: [str(i) for i in v] if isinstance(v, list) else str(v) for k, v in given.items()}
        request = Request(method, f"/api2/json{path}", self.headers if headers is None else headers, texts)
        reply = self.app.handle(request)
        return Answer(reply.status, reply.reason, reply.body)

    def root_ticket(self) -> dict[str, str]:
        answer = self.call("POST", "/access/ticket", {}, username="root@pam", password=ROOT_PASSWORD).data
        cookie = f"PVEAuthCookie={quote(answer['ticket'], safe='')}"
        return {"cookie": cookie, "csrfpreventiontoken": answer["CSRFPreventionToken"]}

    def done(self, answer: Answer, headers: Mapping[str, str] | None = None) -> str:
        """Wait for a task and return its exit status."""
        while True:
            state = self.call("GET", f"/nodes/pve/tasks/{answer.data}/status", headers).data
            if state["status"] == "stopped":
                return str(state["exitstatus"])
            time.sleep(0.005)

    def template(self) -> None:
        """Have the template on the storage."""
        path = "/nodes/pve/storage/local/download-url"
        answer = self.call("POST", path, content="vztmpl", filename=TEMPLATE, url=URL)
        assert self.done(answer) == "OK"

    def container(self, headers: Mapping[str, str] | None = None, **changes: Any) -> None:
        """Have a container, by default 2090 in the pool."""
        self.template() if not list(self.root.glob("storage/local/template/cache/*")) else None
        wanted = {k: v for k, v in (NEW_CT | changes).items() if v is not None}
        assert self.done(self.call("POST", "/nodes/pve/lxc", headers, **wanted), headers) == "OK"


@dataclass
class Pbs:
    """The backup server's stand-in on a directory, asked by the program's token unless told otherwise."""

    root: Path
    authorization: str = f"PBSAPIToken={PBS_PROGRAM.id}:{PROGRAM_SECRET}"

    def __post_init__(self) -> None:
        store = Store(self.root / "state.json", lambda: pbs_seed(PROGRAM_SECRET, BACKUP_SECRET))
        self.server = BackupServer(self.root, store)
        self.app = PbsApp(self.server, delay_401=0)

    def call(self, method: str, path: str, authorization: str | None = None, /, **params: Any) -> Answer:
        given = {name.replace("_", "-"): value for name, value in params.items()}
        content_type = "application/json" if method in ("POST", "PUT") else ""
        headers = {"authorization": self.authorization if authorization is None else authorization}
        texts = given if content_type else {name: str(value) for name, value in given.items()}
        reply = self.app.handle(Request(method, f"/api2/json{path}", headers, texts, content_type))
        return Answer(reply.status, reply.reason, reply.body)

    def done(self, answer: Answer) -> str:
        """Wait for a task and return its exit status."""
        while True:
            state = self.call("GET", f"/nodes/localhost/tasks/{answer.data}/status").data
            if state["status"] == "stopped":
                return str(state["exitstatus"])
            time.sleep(0.005)
