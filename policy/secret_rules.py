"""The rule about secrets, and the list of what is one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from policy import resources as r
from policy.resources import Resource, leaves
from policy.rule import Limits

KEY_SHAPE: Final = re.compile(r"(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=(?!=)")
PEM: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
SECRET_CONFIG: Final = (
    "private_key",
    "given_keys",
    "proxmox_api_token",
    "ssh_jump_private_key",
    "netbox_token",
    "zabbix_token",
    "zabbix_backup_token",
    "pbs_token",
)
"""Secret config keys; a test holds them equal to the program's, of which the pack knows nothing."""
SECRETS: Final[Mapping[str, tuple[str, ...]]] = {
    r.KEYRING: ("keys", "given"),
    r.SERVER: ("connection",),
    r.HOST_KEY: ("jump.private_key",),
    r.COMMAND: ("connection", "stdin", "stdout", "stderr"),
    r.MONITORING: ("psk", "backup_token"),
    r.PROXMOX_PROVIDER: ("apiToken",),
    r.STACK: ("client_configs",),
    r.CONFIG: tuple(f"wireguard-vpn:{key}" for key in SECRET_CONFIG),
}
"""Properties that must be marked secret, by type."""


def secrets_marked(resources: Sequence[Resource], _: Limits) -> Iterator[str]:
    """Demand that secrets are encrypted in state; say nothing where the marks cannot be seen."""
    seen = [each for each in resources if each.marks]
    public = {value for each in seen for path, value in _leaves(each) if path.endswith("public_key")}
    for each in seen:
        yield from dict.fromkeys(f"{each.name}: {told}" for told in _told(each, public))


def _told(resource: Resource, public: set[Any]) -> Iterator[str]:
    """Yield what is wrong with the inputs and with the rest; both may say the same."""
    for path in SECRETS.get(resource.type, ()):
        if _open(resource.inputs, path) or _open(resource.props, path):
            yield f"{path} must be marked secret"
    for path, value in _leaves(resource):
        if isinstance(value, str) and _readable_key(value, public):
            yield f"{path} holds a key in the clear"


def _leaves(resource: Resource) -> Iterator[tuple[str, Any]]:
    yield from leaves(resource.inputs)
    yield from leaves(resource.props)


def _open(shown: Mapping[str, Any], path: str) -> bool:
    """Tell whether a property can be read: what is marked secret is not among the properties."""
    value: Any = shown
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value not in (None, "", {}, [])


def _readable_key(value: str, public: set[Any]) -> bool:
    return bool(PEM.search(value)) or any(found not in public for found in KEY_SHAPE.findall(value))
