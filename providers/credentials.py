"""Credentials of the process a provider runs in: stack config first, then the environment.

Pulumi hands the stack's config to `configure` once per provider and process; kept here they are in no resource's
inputs or outputs. `preview` and `up` hand over the config as it is, `refresh`, `destroy` and `up --refresh` the one of
the last `up`, which Pulumi keeps in the state's default provider: a token replaced in the config serves these after a
plain `up`, or with `--run-program`. One from the environment serves at once.
"""

import os
from collections.abc import Callable
from threading import Lock

from vpn.settings.build import SECRET_KEYS
from vpn.settings.parse import ENVIRONMENT, KNOWN_KEYS

NAMESPACE = "wireguard-vpn"
SECRETS = {key: ENVIRONMENT.get(key) for key in KNOWN_KEYS if key in SECRET_KEYS}
"""Secret config keys, each with the environment variable that stands in for it."""
TOKENS = {
    "Proxmox VE": "proxmox_api_token",
    "Proxmox Backup Server": "pbs_token",
    "NetBox": "netbox_token",
    "Zabbix": "zabbix_token",
}
"""The config key of each system's token."""
SHORTEST_SECRET = 8

_lock = Lock()


def _nothing(key: str) -> object:
    """Stand for a config before there is one."""
    del key
    return None


_lookup: Callable[[str], object] = _nothing


def remember(lookup: Callable[[str], object]) -> None:
    """Take the stack's config from now on: `lookup` gives the value of `namespace:key` or None."""
    global _lookup  # noqa: PLW0603 - one process serves one stack; this is its only state
    with _lock:
        _lookup = lookup


def setting(key: str, variable: str | None = None) -> str | None:
    """Return config `key`, else the environment's `variable`, else None; empty counts as unset."""
    with _lock:
        value = _lookup(f"{NAMESPACE}:{key}")
    if value not in (None, ""):
        return str(value)
    return (os.environ.get(variable) if variable else None) or None


def secret_values() -> tuple[str, ...]:
    """Return every known credential, to be struck out of messages."""
    values = [setting(key, variable) for key, variable in SECRETS.items()]
    return tuple(value for value in values if value and len(value) >= SHORTEST_SECRET)
