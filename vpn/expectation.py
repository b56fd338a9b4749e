"""The facts a healthy server shows, as JSON-able data without secrets: what `vpn.drift` compares observations with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from vpn import files, wgconf
from vpn.network import Network


@dataclass(frozen=True)
class ExpectedPeer:
    """One peer of the running interface: name, public key, allowed IPs sorted as text."""

    name: str
    public_key: str
    allowed_ips: tuple[str, ...]


@dataclass(frozen=True)
class ExpectedFile:
    """One file: octal mode, owner and group, SHA-256 of its content (None for the one that SaveConfig rewrites)."""

    mode: str
    owner: str
    digest: str | None


@dataclass(frozen=True)
class Expectation:
    """What `observe` must find. Digests of configurations are those of their canonical form.

    `routes` lead into the interface (None: not known), `static_routes` through a router; an `mtu` of None is not known.
    """

    interface: str
    config_digest: str
    runtime_digest: str
    public_key: str
    listen_port: int
    peers: tuple[ExpectedPeer, ...]
    files: Mapping[str, ExpectedFile]
    units: tuple[str, ...]
    sysctls: Mapping[str, str]
    packages: tuple[str, ...]
    addresses: tuple[str, ...]
    routes: tuple[str, ...] | None
    static_routes: tuple[str, ...]
    mtu: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return the expectation as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Expectation:
        """Return the expectation from its JSON-able data; numbers may come as floats, None values may be missing.

        So may what a state of an earlier version does not know: addresses, routes of both kinds and MTU.
        """
        return cls(
            interface=data["interface"],
            config_digest=data["config_digest"],
            runtime_digest=data["runtime_digest"],
            public_key=data["public_key"],
            listen_port=int(data["listen_port"]),
            peers=tuple(ExpectedPeer(p["name"], p["public_key"], tuple(p["allowed_ips"])) for p in data["peers"]),
            files={
                path: ExpectedFile(each["mode"], each["owner"], each.get("digest"))
                for path, each in data["files"].items()
            },
            units=tuple(data["units"]),
            sysctls=dict(data["sysctls"]),
            packages=tuple(data["packages"]),
            addresses=tuple(data.get("addresses", ())),
            routes=tuple(data["routes"]) if "routes" in data else None,
            static_routes=tuple(data.get("static_routes", ())),
            mtu=int(data["mtu"]) if data.get("mtu") else None,
        )


def expectation(network: Network) -> Expectation:
    """Return what a server shows that is as the network says."""
    found = files.collect(network)
    own = network.interface
    placed = {
        each.target: ExpectedFile(
            *each.permissions,
            None if each.target == own.file_path else files.sha256(found.members[each.member]),
        )
        for each in found.placements
    }
    return Expectation(
        interface=own.name,
        config_digest=found.config_digest,
        runtime_digest=found.runtime_digest,
        public_key=own.public_key,
        listen_port=own.listen_port,
        peers=tuple(
            ExpectedPeer(peer.name, peer.public_key, tuple(sorted(map(str, peer.allowed_ips))))
            for peer in network.active
        ),
        files=placed,
        units=files.units(network),
        sysctls=files.sysctls(network),
        packages=files.packages(network),
        addresses=tuple(map(str, own.addresses)),
        routes=tuple(map(str, wgconf.routes(network))),
        static_routes=wgconf.static_routes(network),
        mtu=own.mtu or wgconf.DEFAULT_MTU,
    )
