"""The state of a fresh backup server: one datastore, our namespace, and two tokens with what each needs."""

from typing import Any

from lab.api.secrets import hash_secret

DATASTORE, NAMESPACE = "backup", "wireguard"
PROGRAM, BACKUP = "wgdeploy@pbs!pulumi", "pve@pbs!backup"
GRANTS = (
    (PROGRAM, f"/datastore/{DATASTORE}", "DatastoreAudit", 0),
    (PROGRAM, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreAdmin", 1),
    (BACKUP, f"/datastore/{DATASTORE}/{NAMESPACE}", "DatastoreBackup", 1),
)
"""Token, path, role, propagation. Only DatastoreAdmin has Datastore.Modify, which prune jobs take; it reaches our
namespace alone. The node's token can write backups and read its own, but remove none."""


def seed(program_secret: str, backup_secret: str) -> dict[str, Any]:
    """Return a complete state; secrets go in as salted hashes."""
    acl = [
        {"path": path, "authid": authid, "role": role, "propagate": propagate}
        for token, path, role, propagate in GRANTS
        for authid in (token, token.partition("!")[0])
    ]
    return {
        "version": 1,
        "tokens": {
            PROGRAM: {"hash": hash_secret(program_secret), "enable": 1},
            BACKUP: {"hash": hash_secret(backup_secret), "enable": 1},
        },
        "acl": acl,
        "datastores": {DATASTORE: {"comment": "the lab's backups", "seed_namespaces": [NAMESPACE]}},
        "prune": {},
        "verify": {},
        "last_runs": {},
        "tasks": [],
    }
