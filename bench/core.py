"""The pure core alone: validation, planning and rendering, by number of peers."""

import datetime as dt
import json
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bench.figures import Figures
from vpn import addresses, bundle, client_config, keyring, keys, nftables, plan, wgconf
from vpn.ledger import Ledger
from vpn.network import Network, resolve
from vpn.settings import Settings, parse

NOW = dt.datetime(2026, 11, 27, tzinfo=dt.UTC)
SIZES = (1_000, 2_000, 4_000, 10_000)
QUARANTINE = dt.timedelta(days=30)
RUNS = 3


@dataclass(frozen=True)
class Team:
    """A server with so many managed peers."""

    raw: dict[str, Any]
    settings: Settings
    ring: keyring.Keyring
    ledger: Ledger
    network: Network


def config(count: int) -> dict[str, Any]:
    """Return a stack's config with `count` peers."""
    return {
        "proxmox_endpoint": "https://pve.infra.local:8006",
        "proxmox_api_token": "wgdeploy@pve!pulumi=11111111-2222-3333-4444-555555555555",
        "ip_address": "192.168.20.90/16",
        "address": "10.0.0.1/16",
        "netbox_enabled": False,
        "zabbix_enabled": False,
        "pbs_enabled": False,
        "peers": [{"name": f"peer-{number}"} for number in range(count)],
    }


def team(count: int) -> Team:
    """Return such a server, its keys made and its addresses given."""
    raw = config(count)
    settings = parse(raw)
    ring, _ = keyring.evolve(keyring.requests(settings), {}, keyring.Keyring(), NOW)
    given = allocate(settings, Ledger())
    return Team(raw, settings, ring, given, resolve(settings, ring, given, NOW))


def allocate(settings: Settings, before: Ledger) -> Ledger:
    """Return the ledger that follows from the last."""
    claims, reserved = addresses.claims(settings), addresses.reserved(settings)
    return addresses.allocate(claims, settings.vpn_networks, reserved, before, NOW, QUARANTINE)


def plan_and_render(of: Team) -> None:
    """Do what a preview does in the core: allocate, resolve, plan, render and pack."""
    ledger = allocate(of.settings, of.ledger)
    network = resolve(of.settings, of.ring, ledger, NOW)
    prints = bundle.fingerprints(network)
    plan.classify(prints, prints)
    wgconf.render_server(network)
    nftables.render(network)


WORK: dict[str, Callable[[Team], object]] = {
    "validate config": lambda of: parse(of.raw),
    "plan and render": plan_and_render,
    "render client files": lambda of: client_config.render_all(of.network),
    "pack the bundle": lambda of: bundle.pack(of.network, epoch=1, instance="x"),
}


def run(figures: Figures) -> None:
    """Measure each kind of work at each size, in processor seconds: a busy machine does not change those."""
    teams = {count: team(count) for count in SIZES}
    for name, work in WORK.items():
        spent = {count: _cpu(lambda work=work, count=count: work(teams[count])) for count in SIZES}  # type: ignore[misc]
        for count in SIZES:
            figures.add("core", f"{name}, {count:,} peers", spent[count], "s")
        figures.add("core", f"{name}: 4k over 1k", spent[4_000] / spent[1_000], "x", "linear is 4")
    figures.add("core", "make one key pair", _cpu(lambda: [_pair() for _ in range(100)]) * 10, "ms")
    _sizes(figures, teams[10_000])


def _pair() -> str:
    return keys.public_key(keys.generate_private_key())


def _sizes(figures: Figures, of: Team) -> None:
    state = len(json.dumps(of.ring.to_dict())) + len(json.dumps(of.ledger.to_dict()))
    figures.add("core", "keys and addresses in state, 10,000 peers", state / 1e6, "MB")
    figures.add("core", "bundle, 10,000 peers", len(bundle.pack(of.network, epoch=1, instance="x")) / 1e6, "MB")
    tracemalloc.start()
    plan_and_render(of)
    figures.add("core", "memory for planning 10,000 peers", tracemalloc.get_traced_memory()[1] / 1e6, "MB")
    tracemalloc.stop()


def _cpu(work: Callable[[], object]) -> float:
    """Return the median processor seconds of some runs."""
    taken = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        taken.append(time.process_time() - begun)
    return statistics.median(taken)
