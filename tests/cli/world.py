"""A project with a stack: what is configured, what is deployed, and the commands run on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.pure import support
from vpn import client_config, expectation
from vpn.keyring import Keyring
from vpn.network import resolve
from vpn.settings import Settings, parse

SIGNATURE = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
OWNER = "0123456789abcdef"
MARK = f"pulumi: wireguard-vpn/prod/{OWNER}"
PEERS: list[dict[str, Any]] = [
    {"name": "alice"},
    {"name": "bob", "preshared_key": "generated"},
    {"name": "carol", "public_key": support.public_key("carol")},
    {"name": "dave", "disabled": True},
]
BASE: dict[str, Any] = {**support.BASE, "endpoint": "vpn.example.org:51820"}


@dataclass(frozen=True)
class World:
    """One project directory with its stand-in of pulumi."""

    directory: Path

    def read(self) -> dict[str, Any]:
        """Return config and state as they are now."""
        found: dict[str, Any] = json.loads((self.directory / "world.json").read_text())
        return found

    def write(self, **changes: Any) -> None:
        """Change config or state."""
        (self.directory / "world.json").write_text(json.dumps(self.read() | changes))

    def value(self, key: str) -> Any:
        """Return a config value."""
        return self.read()["config"].get(key, {}).get("value")

    def is_secret(self, key: str) -> bool:
        """Tell whether a config value is encrypted."""
        return bool(self.read()["config"][key]["secret"])

    def calls(self) -> list[dict[str, Any]]:
        """Return every call of pulumi: arguments and environment."""
        path = self.directory / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def settings(self) -> Settings:
        """Return what the program would make of the config now."""
        from cli.configured import Configured
        from cli.pulumi import Pulumi

        return Configured.read(Pulumi(self.directory, "prod"), {}).settings()


def make(directory: Path, *, deployed: bool = True, **changes: Any) -> World:
    """Make a project with a stack `prod`; `changes` are config values on top of a valid base."""
    config = BASE | {"peers": PEERS} | changes
    world = {
        "stack": "prod",
        "config": {key: {"value": _stored(value), "secret": _secret(key)} for key, value in config.items()},
        "state": state(parse(config)) if deployed else empty_state(),
    }
    (directory / "Pulumi.yaml").write_text("name: wireguard-vpn\n")
    (directory / "world.json").write_text(json.dumps(world))
    return World(directory)


def empty_state(salt: str = "new") -> dict[str, Any]:
    """Return the state of a stack that has made nothing."""
    provider = {"type": "passphrase", "state": {"salt": salt}}
    return {"version": 3, "deployment": {"manifest": {}, "secrets_providers": provider}}


def state(settings: Settings) -> dict[str, Any]:
    """Return the state as `pulumi stack export --show-secrets` gives it after an `up` with these settings."""
    ring, ledger = support.ring(settings), support.ledger(settings)
    network = resolve(settings, ring, ledger, support.NOW)
    outputs = {
        "endpoint": network.interface.endpoint,
        "public_key": network.interface.public_key,
        "peers": {
            peer.name: {"address": str(peer.addresses[0]), "public_key": peer.public_key, "status": peer.state}
            | ({"expires_at": peer.expires_at.isoformat()} if peer.expires_at else {})
            for peer in network.peers
        },
        "client_configs": hidden(client_config.render_all(network)),
    }
    connection = {"host": "192.168.20.90", "private_key": ring["ssh"].secret, "host_key": "ssh-ed25519 AAAA"}
    resources = [
        ("pulumi:pulumi:Stack", {}, outputs),
        ("pulumi-python:dynamic/vpn:Keyring", {}, {"keys": hidden(ring.to_dict())}),
        ("pulumi-python:dynamic/vpn:AddressLedger", {}, ledger.to_dict()),
        ("pulumi-python:dynamic/vpn:ContainerClaim", {}, claim()),
        (
            "pulumi-python:dynamic/vpn:ServerState",
            {},
            {
                "expectation": expectation.expectation(network).to_dict(),
                "connection": hidden(connection),
                "container_id": 2090,
            },
        ),
        ("proxmoxve:index/containerLegacy:ContainerLegacy", {"vmId": 2090}, {"vmId": 2090, "id": "2090"}),
    ]
    ids = {resources[3][0]: "pve/2090", resources[5][0]: "2090"}
    found = empty_state("old")
    found["deployment"]["resources"] = [
        {"type": kind, "urn": f"urn:pulumi:prod::wireguard-vpn::{kind}::x", "inputs": inputs, "outputs": made}
        | ({"id": ids[kind]} if kind in ids else {})
        for kind, inputs, made in resources
    ]
    return found


def claim() -> dict[str, Any]:
    """Return the container's claim as the state holds it."""
    return {"node": "pve", "container_id": 2090, "storage_pool": "local-lvm", "pool": "wireguard", "mark": MARK}


def ring_of(found: dict[str, Any]) -> Keyring:
    """Return the keyring of a state."""
    from cli.deployed import Deployed

    return Deployed(found).keyring


def hidden(value: Any) -> dict[str, str]:
    """Return a secret as the state writes it, shown."""
    return {**SIGNATURE, "plaintext": json.dumps(value)}


def _stored(value: Any) -> Any:
    return value if isinstance(value, str | list | dict) else json.dumps(value)


def _secret(key: str) -> bool:
    return key in {"private_key", "proxmox_api_token", "given_keys"}
