"""The stand-in as a service of the site: one process, its state and datastore under `.lab/pbs`."""

from dataclasses import dataclass
from pathlib import Path

from lab.api.faults import FaultFile
from lab.api.requestlog import RequestLog
from lab.api.scheduler import Scheduler
from lab.api.store import Store
from lab.api.transport import Server, tls_context
from lab.certificates import ensure_certificates
from lab.credentials import PBS_MONITOR, PBS_NODE, PBS_PROGRAM
from lab.pbs.app import PbsApp
from lab.pbs.jobs import due_jobs
from lab.pbs.seed import seed
from lab.pbs.server import BackupServer
from lab.processes import Processes
from lab.site import Site

DELAY_401 = 0.1


@dataclass(frozen=True)
class PbsConfig:
    """What one server needs: where its state lies, how it is reached."""

    root: Path
    log: Path
    port: int
    certificate: Path
    key: Path
    program_secret: str
    backup_secret: str
    monitor_secret: str = ""
    delay_401: float = DELAY_401


def build(config: PbsConfig) -> tuple[Server, BackupServer]:
    """Return a server that listens but does not serve yet, with its state loaded."""
    secrets = config.program_secret, config.backup_secret, config.monitor_secret
    store = Store(config.root / "state.json", lambda: seed(*secrets))
    backup_server = BackupServer(config.root, store)
    server = Server(
        config.port,
        PbsApp(backup_server, config.delay_401),
        tls_context(config.certificate, config.key),
        FaultFile(config.root / "faults.json"),
        RequestLog(config.log),
    )
    return server, backup_server


def site_config(site: Site, port: int) -> PbsConfig:
    """Return the configuration of the site's own server."""
    files = ensure_certificates(site)
    return PbsConfig(
        root=site.state / "pbs",
        log=site.logs / "pbs-requests.jsonl",
        port=port,
        certificate=files.certificate,
        key=files.key,
        program_secret=PBS_PROGRAM.secret(site),
        backup_secret=PBS_NODE.secret(site),
        monitor_secret=PBS_MONITOR.secret(site),
    )


def serve(config: PbsConfig, site: Site) -> None:
    """Run the site's server until the process is told to end; its ready file appears when it answers."""
    server, backup_server = build(config)
    Scheduler(lambda: due_jobs(backup_server)).start()
    Processes(site).ready_file("pbs").touch()
    server.serve_forever()
