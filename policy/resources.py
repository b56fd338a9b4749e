"""One resource as the rules see it, whichever way it came: from the engine at preview or from an exported state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

CONTAINER = "proxmoxve:index/containerLegacy:ContainerLegacy"
FIREWALL_OPTIONS = "proxmoxve:firewall/optionsLegacy:OptionsLegacy"
FIREWALL_RULES = "pulumi-python:dynamic/vpn:FirewallRules"
PROXMOX_PROVIDER = "pulumi:providers:proxmoxve"
CONFIG = "pulumi:providers:pulumi-python"
"""The provider of the dynamic resources: the engine hands it the stack's whole configuration."""
COMMAND = "command:remote:Command"
KEYRING = "pulumi-python:dynamic/vpn:Keyring"
HOST_KEY = "pulumi-python:dynamic/vpn:HostKey"
SERVER = "pulumi-python:dynamic/vpn:ServerState"
BACKUP = "pulumi-python:dynamic/pbs:Registration"
MONITORING = "pulumi-python:dynamic/zabbix:Registration"
STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True)
class Resource:
    """A resource with what is known of it; a property that preview does not know yet is absent.

    Where `marks` is true, what is marked secret is left out of `props` and `inputs`. The engine takes the marks off
    before a policy pack looks: there it is false, and whether something is secret cannot be told.

    A state holds inputs and outputs: `props` are the outputs and what only the inputs show, `inputs` the inputs alone.
    `leaving` is what the state holds until it is deleted: no part of what the stack consists of, but its secrets are
    there.
    """

    urn: str
    type: str
    props: Mapping[str, Any] = field(repr=False)
    protect: bool = False
    marks: bool = False
    inputs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    leaving: bool = False

    @property
    def name(self) -> str:
        """The resource's name in the program."""
        return self.urn.rpartition("::")[2]

    @property
    def stack(self) -> str:
        """The stack the resource belongs to; empty when the URN does not say."""
        return self.urn.removeprefix("urn:pulumi:").partition("::")[0] if self.urn.startswith("urn:pulumi:") else ""


def opened(value: Any) -> Any:
    """Return a table that the program holds as JSON text; anything else as it is."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        with suppress(ValueError):
            return json.loads(value)
    return value


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every value inside mappings and lists, and inside tables held as JSON text, with its dotted path."""
    value = opened(value)
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from leaves(each, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        for index, each in enumerate(value):
            yield from leaves(each, f"{path}.{index}" if path else str(index))
    else:
        yield path, value
