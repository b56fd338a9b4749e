"""What the stack has made, read from its state: outputs, keys, addresses, and the way to the server."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from clients.ssh import Way
from vpn import tables
from vpn.errors import StackError
from vpn.expectation import Expectation
from vpn.keyring import KeyEntry, Keyring
from vpn.ledger import Ledger

_SIGNATURE: Final = ("4dabf18193072939515e22adb298388d", "1b47061264138c4ac30d75fd1eb44270")
"""Key and value by which Pulumi marks a secret in its state (pulumi SDK, resource.SigKey, resource.SecretSig)."""


def revealed(value: Any) -> Any:
    """Return a value of the state with its secrets in the clear."""
    if isinstance(value, list):
        return [revealed(each) for each in value]
    if not isinstance(value, dict):
        return value
    if value.get(_SIGNATURE[0]) == _SIGNATURE[1]:
        return revealed(json.loads(value["plaintext"]))
    return {key: revealed(each) for key, each in value.items()}


@dataclass(frozen=True)
class Deployed:
    """A stack's state. Everything raises StackError when the stack has not made what is asked for."""

    deployment: Mapping[str, Any]

    @cached_property
    def resources(self) -> list[Mapping[str, Any]]:
        """The resources as the state holds them."""
        return list(self.deployment.get("deployment", {}).get("resources") or [])

    def outputs_of(self, kind: str) -> dict[str, Any]:
        """Return the outputs of the one resource whose type ends so, as `vpn:Keyring`."""
        for each in self.resources:
            if str(each["type"]).endswith(kind) and not each.get("delete"):
                found: dict[str, Any] = revealed(each.get("outputs", {}))
                return found
        raise StackError(f"the stack has no {kind.rpartition(':')[2]} yet: run pulumi up")

    @cached_property
    def outputs(self) -> dict[str, Any]:
        """The stack's own outputs, by name."""
        return self.outputs_of("pulumi:pulumi:Stack")

    @cached_property
    def expiries(self) -> dict[str, dt.datetime]:
        """When peers expire, by name; a peer without a date is not in it."""
        dates = {name: each.get("expires_at") for name, each in self.outputs.get("peers", {}).items()}
        return {name: dt.datetime.fromisoformat(date) for name, date in dates.items() if date}

    @cached_property
    def keyring(self) -> Keyring:
        """Every key of the stack."""
        return Keyring.from_dict(tables.loads(self.outputs_of("vpn:Keyring")["keys"]))

    @cached_property
    def generations(self) -> dict[str, int]:
        """The generation of each key, by the keyring's name; nothing before the first `up`."""
        try:
            return {name: entry.generation for name, entry in self.keyring.items()}
        except StackError:
            return {}

    @cached_property
    def ledger(self) -> Ledger:
        """Who has which address."""
        found = self.outputs_of("vpn:AddressLedger")
        return Ledger.from_dict({name: tables.loads(found.get(name) or {}) for name in ("leases", "released")})

    @cached_property
    def expectation(self) -> Expectation:
        """What the server must show."""
        return Expectation.from_dict(tables.loads(self.outputs_of("vpn:ServerState")["expectation"]))

    @cached_property
    def claim(self) -> dict[str, Any]:
        """The container's place: `node`, `container_id`, `storage_pool`, `pool`, and the `mark` that makes it ours."""
        found = self.outputs_of("vpn:ContainerClaim")
        return {**found, "container_id": int(found["container_id"])}

    def secret(self, name: str) -> str:
        """Return the secret of a key by the keyring's name."""
        return self._entry(name).secret

    def public(self, name: str) -> str:
        """Return the public part of a key by the keyring's name."""
        return self._entry(name).public

    def _entry(self, name: str) -> KeyEntry:
        if name not in self.keyring:
            raise StackError(f"the stack has not made the key {name} yet: run pulumi up")
        return self.keyring[name]

    def way(self, jump: Way | None = None) -> Way:
        """Return the way to the server; a `jump` host given now counts more than the one of the last run."""
        found = self.outputs_of("vpn:ServerState")["connection"]
        last = found.get("jump")
        return Way(
            host=found["host"],
            user=found.get("user", "root"),
            port=int(found.get("port", 22)),
            private_key=found["private_key"],
            host_key=found["host_key"],
            jump=jump or (_jump(last) if last else None),
        )


def _jump(found: Mapping[str, Any]) -> Way:
    return Way(
        found["host"], found.get("user", "root"), int(found.get("port", 22)), found["private_key"], found["host_key"]
    )
