"""The state of a fresh backup server: one datastore, our namespace, and tokens with what each needs."""

from typing import Any

from lab.api.secrets import hash_secret
from lab.credentials import PBS_MONITOR, PBS_NODE, PBS_PROGRAM

DATASTORE, NAMESPACE = "backup", "wireguard"
GRANTS = (
    (PBS_PROGRAM, f"/datastore/{DATASTORE}", "DatastoreAudit", 0),
    (PBS_PROGRAM, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreAdmin", 1),
    (PBS_NODE, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreBackup", 1),
    (PBS_MONITOR, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreAudit", 0),
)
"""Token, path, role, propagation. Only DatastoreAdmin has Datastore.Modify, which prune jobs take; it reaches our
namespace alone. The node's token can write backups and read its own, but remove none; the monitoring's only lists."""


def seed(program_secret: str, backup_secret: str, monitor_secret: str = "") -> dict[str, Any]:
    """Return a complete state; secrets go in as salted hashes. An empty secret leaves its token out."""
    secrets = {PBS_PROGRAM: program_secret, PBS_NODE: backup_secret, PBS_MONITOR: monitor_secret}
    acl = [
        {"path": path, "authid": authid, "role": role, "propagate": propagate}
        for token, path, role, propagate in GRANTS
        if secrets[token]
        for authid in (token.id, token.user)
    ]
    return {
        "version": 1,
        "tokens": {token.id: {"hash": hash_secret(text), "enable": 1} for token, text in secrets.items() if text},
        "acl": acl,
        "datastores": {DATASTORE: {"comment": "the lab's backups", "seed_namespaces": [NAMESPACE]}},
        "prune": {},
        "verify": {},
        "last_runs": {},
        "tasks": [],
    }
