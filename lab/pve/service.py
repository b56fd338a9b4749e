"""The stand-in as a service of the site: one process, its state under `.lab/pve`."""

import hashlib
import ssl
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.api.faults import FaultFile
from lab.api.requestlog import RequestLog
from lab.api.scheduler import Scheduler
from lab.api.store import Store, write_private
from lab.api.transport import Server, tls_context
from lab.certificates import ensure_certificates
from lab.containers import Containers
from lab.credentials import PBS_NODE, PVE_PROGRAM, PVE_ROOT_PASSWORD, secret
from lab.errors import LabError
from lab.processes import Processes
from lab.pve.app import PveApp
from lab.pve.cluster import Cluster, TemplateSource
from lab.pve.driver import Driver
from lab.pve.firewall_filter import apply
from lab.pve.lxc_destroy import forget, remove_guest
from lab.pve.seed import seed
from lab.pve.vzdump import due_jobs
from lab.site import NODE, Site
from lab.templates import VERSIONS, ensure_template

DELAY_401 = 0.1


@dataclass(frozen=True)
class PveConfig:
    """What one server needs: where its state lies, whom it drives, how it is reached."""

    root: Path
    log: Path
    port: int
    certificate: Path
    key: Path
    driver: Driver
    templates: TemplateSource
    token_secret: str
    root_password: str
    delay_401: float = DELAY_401


def build(config: PveConfig) -> tuple[Server, Cluster]:
    """Return a server that listens but does not serve yet, with its state loaded and healed."""

    def fresh() -> dict[str, object]:
        return seed(NODE, config.token_secret, config.root_password)

    store = Store(config.root / "state.json", fresh)
    cluster = Cluster(config.root, store, config.driver, config.templates)
    heal(cluster)
    server = Server(
        config.port,
        PveApp(cluster, config.delay_401),
        tls_context(config.certificate, config.key),
        FaultFile(config.root / "faults.json"),
        RequestLog(config.log),
    )
    return server, cluster


def heal(cluster: Cluster) -> None:
    """Put right what an interrupted server left: half-made containers go, locks of dead tasks open."""
    for vmid, guest in cluster.guests().items():
        if guest["lock"] == "create":
            remove_guest(cluster, vmid)
        elif not cluster.driver.exists(vmid):
            forget(cluster, vmid)
        elif guest["lock"]:
            cluster.lock(vmid, "")


def boot_guests(cluster: Cluster) -> None:
    """Start the containers that start at boot; filters of running ones are put up again."""
    for vmid, guest in cluster.guests().items():
        try:
            if not cluster.driver.running(vmid) and guest["config"].get("onboot"):
                cluster.driver.start(vmid)
            apply(cluster, vmid)
        except LabError as error:
            print(f"CT {vmid}: {error}", file=sys.stderr, flush=True)


def use_pbs(
    cluster: Cluster, *, port: int, ca: Path, datastore: Path, secret_text: str, token: str, fingerprint: str
) -> None:
    """Define the storage `pbs` that points to the site's backup server."""
    password = cluster.root / "priv" / "storage" / "pbs.pw"
    write_private(password, secret_text)
    with cluster.store.edit() as data:
        data["storages"]["pbs"] = {
            "type": "pbs",
            "content": "backup",
            "server": "localhost",
            "port": port,
            "datastore": "backup",
            "namespace": "wireguard",
            "username": token,
            "fingerprint": fingerprint,
            "password_file": str(password),
            "ca_file": str(ca),
            "datastore_path": str(datastore),
        }


def templates_of(site: Site) -> TemplateSource:
    """Return the lab's templates by file name."""
    suites = {name: suite for suite, name in VERSIONS.items()}
    return lambda name: ensure_template(site, suites[name]) if name in suites else None


def site_config(site: Site, port: int, driver: Driver | None = None) -> PveConfig:
    """Return the configuration of the site's own server."""
    files = ensure_certificates(site)
    return PveConfig(
        root=site.state / "pve",
        log=site.logs / "pve-requests.jsonl",
        port=port,
        certificate=files.certificate,
        key=files.key,
        driver=driver or Containers(site),
        templates=templates_of(site),
        token_secret=PVE_PROGRAM.secret(site),
        root_password=secret(site, PVE_ROOT_PASSWORD),
    )


def attach_pbs(cluster: Cluster, site: Site) -> None:
    """Point the storage `pbs` to the site's backup server."""
    files = ensure_certificates(site)
    der = ssl.PEM_cert_to_DER_cert(files.certificate.read_text())
    use_pbs(
        cluster,
        port=site.port("pbs"),
        ca=files.ca,
        datastore=site.state / "pbs" / "datastore" / "backup",
        secret_text=PBS_NODE.secret(site),
        token=PBS_NODE.id,
        fingerprint=hashlib.sha256(der).digest().hex(":").upper(),
    )


def serve(config: PveConfig, site: Site) -> None:
    """Run the site's server until the process is told to end; its ready file appears when it answers."""
    server, cluster = build(config)
    attach_pbs(cluster, site)
    boot_guests(cluster)
    Scheduler(lambda: due_jobs(cluster)).start()
    Processes(site).ready_file("pve").touch()
    server.serve_forever()
