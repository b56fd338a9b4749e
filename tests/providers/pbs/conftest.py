"""Both stand-ins over real HTTPS, with simulated containers, and a stack that is driven as the engine does."""

import threading
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.api.faults import FaultFile
from lab.certificates import Certificates, ensure_certificates
from lab.credentials import PBS_NODE, PBS_PROGRAM, PVE_PROGRAM
from lab.pbs import service as pbs_service
from lab.pbs.server import BackupServer
from lab.pve import service as pve_service
from lab.pve.cluster import Cluster
from lab.pve.simulation import SimulatedContainers
from lab.site import Site
from providers.pbs import RegistrationProvider, ReservationProvider
from tests.providers.engine import Managed, Writer
from tests.providers.host import Host

MARK = "pulumi: wireguard-vpn/test/0a1b2c3d4e5f"
PVE_SECRET = "11111111-2222-3333-4444-555555555555"
PBS_SECRET = "aaaaaaaa-0000-0000-0000-000000000001"
NODE_SECRET = "aaaaaaaa-0000-0000-0000-000000000002"
PLACE: dict[str, Any] = {
    "url": "https://pbs.infra.local:8007",
    "job_id": "wireguard-vpn-test",
    "vmid": 2090,
    "node": "pve",
    "pool": "wireguard",
    "storage": "pbs",
    "datastore": "backup",
    "namespace": "wireguard",
    "backup_job": "pool",
    "adopt": False,
    "shared": False,
    "mark": MARK,
}
SCHEDULE = {
    "backup_schedule": "daily",
    "prune_schedule": "04:00",
    "verify_schedule": "sun 05:00",
    "keep_daily": 7,
    "keep_weekly": 4,
}
ADMIN = {"Sys.Modify", "Sys.Audit", "Datastore.Allocate", "Datastore.AllocateSpace"}


@dataclass
class Systems:
    """The two servers' states, and the faults planned for them."""

    pbs: BackupServer
    pve: Cluster
    pbs_faults: FaultFile
    pve_faults: FaultFile
    config: dict[str, str]

    @property
    def jobs(self) -> dict[str, Any]:
        """Every job of both systems, to compare before and after."""
        found = {"prune": self.pbs.data["prune"], "verify": self.pbs.data["verify"], "pve": self.pve.data["jobs"]}
        return deepcopy(found)

    def back_up(self, kind: str, ident: str) -> None:
        """Put a guest's backup into our namespace."""
        store = self.pbs.datastore("backup")
        store.finish(store.begin("wireguard", kind, ident, 1_800_000_000, PBS_NODE.id), "wireguard", protected=False)

    def have_container(self, vmid: int, pool: str) -> None:
        """Have a container in a pool."""
        self.pve.data["guests"][str(vmid)] = {"config": {"hostname": "wireguard"}, "lock": ""}
        self.pve.data["pools"].setdefault(pool, {"comment": "", "vms": [], "storage": []})["vms"] = [str(vmid)]

    def grant(self, path: str, *privileges: str) -> None:
        """Give the Proxmox VE token more."""
        self.pve.data["roles"]["More"] = list(privileges)
        for authid in (PVE_PROGRAM.id, PVE_PROGRAM.user):
            self.pve.data["acl"].append({"path": path, "authid": authid, "role": "More", "propagate": 1})


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """What every server here shows."""
    return ensure_certificates(Site.of(tmp_path_factory.mktemp("certificates")))


@pytest.fixture
def systems(tmp_path: Path, certificates: Certificates) -> Iterator[Systems]:
    """A fresh backup server and a fresh cluster that has it as a storage."""
    files = certificates
    common: dict[str, Any] = {"port": 0, "certificate": files.certificate, "key": files.key, "delay_401": 0.0}
    pbs_root, pve_root = tmp_path / "pbs", tmp_path / "pve"
    pbs_config = pbs_service.PbsConfig(
        root=pbs_root, log=tmp_path / "pbs.jsonl", program_secret=PBS_SECRET, backup_secret=NODE_SECRET, **common
    )
    pve_config = pve_service.PveConfig(
        root=pve_root,
        log=tmp_path / "pve.jsonl",
        driver=SimulatedContainers(pve_root / "containers"),
        templates=lambda _: None,
        token_secret=PVE_SECRET,
        root_password="correct horse battery",
        **common,
    )
    pbs_server, pbs = pbs_service.build(pbs_config)
    pve_server, pve = pve_service.build(pve_config)
    pve_service.use_pbs(
        pve,
        port=pbs_server.server_address[1],
        ca=files.ca,
        datastore=pbs_root / "datastore" / "backup",
        secret_text=NODE_SECRET,
        token=PBS_NODE.id,
        fingerprint="",
    )
    for server in (pbs_server, pve_server):
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    config = {
        "pbs_url": f"https://127.0.0.1:{pbs_server.server_address[1]}",
        "pbs_token": f"{PBS_PROGRAM.id}:{PBS_SECRET}",
        "pbs_ca_file": str(files.ca),
        "proxmox_endpoint": f"https://127.0.0.1:{pve_server.server_address[1]}",
        "proxmox_api_token": f"{PVE_PROGRAM.id}={PVE_SECRET}",
        "proxmox_ca_file": str(files.ca),
    }
    yield Systems(pbs, pve, FaultFile(pbs_root / "faults.json"), FaultFile(pve_root / "faults.json"), config)
    for server in (pbs_server, pve_server):
        server.shutdown()
        server.server_close()
        server.log.close()


@pytest.fixture
def strong(systems: Systems) -> Systems:
    """A token that may have a backup job of its own."""
    systems.grant("/", *ADMIN)
    systems.grant("/storage/pbs", *ADMIN)
    return systems


@dataclass
class Stack:
    """Both resources, treated as `pulumi up`, `refresh` and `destroy` treat them."""

    host: Host
    reservation: Managed
    registration: Managed

    def up(self, **changes: Any) -> tuple[str, str]:
        """Return the step taken for each."""
        place = {key: changes.get(key, value) for key, value in PLACE.items()}
        schedule = {key: changes.get(key, value) for key, value in SCHEDULE.items()}
        keeps = {key: value for key, value in schedule.items() if key.startswith("keep_")}
        return self.reservation.up(place | keeps), self.registration.up(place | schedule)

    def refresh(self) -> None:
        """Observe both."""
        self.reservation.refresh()
        self.registration.refresh()

    def destroy(self) -> None:
        """Remove both, the registration first."""
        self.registration.destroy()
        self.reservation.destroy()


def configure(host: Host, config: dict[str, str]) -> None:
    """Hand the stack's config to the plugin."""
    host.configure({f"wireguard-vpn:{key}": value for key, value in config.items()})


@pytest.fixture
def stack(host: Host, systems: Systems) -> Stack:
    """A stack without anything yet."""
    configure(host, systems.config)
    return Stack(host, Managed(host, ReservationProvider()), Writer(host, RegistrationProvider()))
