"""The state of a fresh backup server: one datastore, our namespace, and tokens with what each needs."""

from typing import Any

from lab.api.secrets import hash_secret

DATASTORE, NAMESPACE = "backup", "wireguard"
PROGRAM, BACKUP, MONITOR = "wgdeploy@pbs!pulumi", "pve@pbs!backup", "zabbix@pbs!monitor"
GRANTS = (
    (PROGRAM, f"/datastore/{DATASTORE}", "DatastoreAudit", 0),
    (PROGRAM, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreAdmin", 1),
    (BACKUP, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreBackup", 1),
    (MONITOR, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreAudit", 0),
)
"""Token, path, role, propagation. Only DatastoreAdmin has Datastore.Modify, which prune jobs take; it reaches our
namespace alone. The node's token can write backups and read its own, but remove none; the monitoring's only lists."""


def seed(program_secret: str, backup_secret: str, monitor_secret: str = "") -> dict[str, Any]:
    """Return a complete state; secrets go in as salted hashes. An empty secret leaves its token out."""
    secrets = {PROGRAM: program_secret, BACKUP: backup_secret, MONITOR: monitor_secret}
    acl = [
        {"path": path, "authid": authid, "role": role, "propagate": propagate}
        for token, path, role, propagate in GRANTS
        if secrets[token]
        for authid in (token, token.partition("!")[0])
    ]
    return {
        "version": 1,
        "tokens": {token: {"hash": hash_secret(text), "enable": 1} for token, text in secrets.items() if text},
        "acl": acl,
        "datastores": {DATASTORE: {"comment": "the lab's backups", "seed_namespaces": [NAMESPACE]}},
        "prune": {},
        "verify": {},
        "last_runs": {},
        "tasks": [],
    }
