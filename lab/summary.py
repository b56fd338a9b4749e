"""What `make lab` ends with: the server, its peers, how fast it is, and where to go next."""

import json
import subprocess
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from lab import throughput
from lab.commands import last_words, progress
from lab.containers import Containers
from lab.environment import process_environment
from lab.errors import LabError
from lab.peers import Connection, Peers
from lab.services import netbox, zabbix
from lab.site import Site, write_atomically

STACK = "lab"
SECONDS = 1
"""How long each throughput is measured."""
ROUNDS = 3
"""How often."""


def summarize(site: Site) -> None:
    """Connect the stack's peers, measure, write `.lab/summary.json` and print it all."""
    outputs = stack_outputs(site)
    progress("Connecting the peers")
    connections = Peers(site).connect_all(outputs.get("client_configs") or {})
    address = str(outputs.get("server_address") or _tunnel_address(site, outputs))
    figures = {"ct": outputs.get("ct_id"), "service": str(outputs.get("service", ""))}
    figures["peers"] = {n: _figures(site, c, address) for n, c in connections.items()}
    if connections:
        progress("Measuring throughput, through the tunnel and between two bare ends")
        figures |= compare(site, next(iter(connections.values())), int(outputs["ct_id"]))
    write_atomically(site.state / "summary.json", json.dumps(figures, indent=2) + "\n", mode=0o644)
    show(figures, outputs)


def stack_outputs(site: Site) -> dict[str, Any]:
    """Return the outputs of the stack `lab`, secrets shown; raises LabError."""
    argv = ["pulumi", "stack", "output", "--stack", STACK, "--json", "--show-secrets"]
    try:
        done = subprocess.run(argv, capture_output=True, check=False, cwd=site.root, env=process_environment(site))
    except FileNotFoundError as error:
        raise LabError("pulumi is not there: run tools/setup") from error
    if done.returncode:
        raise LabError(f"pulumi stack output: {last_words(done)}")
    return dict(json.loads(done.stdout))


def _tunnel_address(site: Site, outputs: dict[str, Any]) -> str:
    """Return the server's address inside the tunnel, as its container has it."""
    interface = str(outputs.get("interface") or "wg0")
    for item in Containers(site).interfaces(int(outputs["ct_id"])) or []:
        if item["name"] == interface and "inet" in item:
            return str(item["inet"]).partition("/")[0]
    raise LabError(f"CT {outputs['ct_id']} has no interface {interface} with an address")


def _figures(site: Site, peer: Connection, address: str) -> dict[str, float | None]:
    return {"handshake_ms": peer.handshake_ms, "rtt_ms": Peers(site).ping(peer.name, address)}


def compare(site: Site, peer: Connection, vmid: int, rounds: int = ROUNDS, seconds: int = SECONDS) -> dict[str, float]:
    """Measure through the peer's tunnel and between bare ends, in turn, and take the medians.

    In turn, because the machine may be busy with something else for a while: the ratio is the median of
    neighbours' ratios. The bare server end gets as many processors as the container.
    """
    pid = Containers(site).pid(vmid)
    if pid is None:
        raise LabError(f"CT {vmid} does not run")
    bare, tunnel = [], []
    with throughput.bare_ends(site, cpus_of(pid)) as end, throughput.server(site):
        for _ in range(rounds):
            bare.append(throughput.measure(end, seconds))
            tunnel.append(throughput.measure(peer.namespace, seconds))
    ratio = median(through / plain for through, plain in zip(tunnel, bare, strict=True))
    medians = {"throughput_mbps": median(tunnel), "bare_mbps": median(bare)}
    return {name: round(value, 1) for name, value in medians.items()} | {"throughput_ratio": round(ratio, 3)}


def cpus_of(pid: int) -> str:
    """Return the processors the process may use, as taskset(1) takes them."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in status if line.startswith("Cpus_allowed_list:"))


def show(figures: dict[str, Any], outputs: dict[str, Any]) -> None:
    """Print the figures as a person enjoys them."""
    console = Console(highlight=False)
    facts = Table.grid(padding=(0, 2))
    for label, value in _facts(figures, outputs):
        facts.add_row(f"[bold]{label}", value)
    peers = Table("peer", "address", "handshake", "round trip", box=None, header_style="dim")
    for name, measured in figures["peers"].items():
        known = (outputs.get("peers") or {}).get(name) or {}
        peers.add_row(name, str(known.get("address", "")), _ms(measured["handshake_ms"]), _ms(measured["rtt_ms"]))
    console.print(Panel(facts, title="[bold green]Your VPN is up", expand=False, padding=(1, 2)))
    for name, url, login in _pages(outputs):
        console.print(f" [bold]{name}[/]  {url}\n         login {login[0]}, password {login[1]}", soft_wrap=True)
    console.print()
    console.print(peers)
    console.print(NEXT, soft_wrap=True)


def _facts(figures: dict[str, Any], outputs: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [
        ("container", f"CT {figures['ct']} at {outputs.get('ct_address')}"),
        ("interface", f"{outputs.get('interface')}, clients dial {outputs.get('endpoint')}"),
        ("service", str(figures["service"])),
    ]
    if "throughput_mbps" in figures:
        ratio = f"{figures['throughput_ratio']:.0%} of two bare ends"
        rows.append(("throughput", f"{figures['throughput_mbps']:.0f} Mbit/s through the tunnel, {ratio}"))
    if jobs := outputs.get("backup_jobs"):
        rows.append(("backup", f"by job {', '.join(jobs)}"))
    return rows


def _pages(outputs: dict[str, Any]) -> list[tuple[str, str, tuple[str, str]]]:
    """Return where the server is registered, with the read-only login that looks at it.

    Apart from the framed facts, which a narrow terminal cuts: an address must be whole to be of use.
    """
    logins = {"NetBox": netbox.LOGIN, "Zabbix": zabbix.LOGIN}
    urls = {name: outputs.get(f"{name.lower()}_url") for name in logins}
    return [(name, str(url), logins[name]) for name, url in urls.items() if url]


def _ms(value: float | None) -> str:
    return "[red]none" if value is None else f"{value:.1f} ms"


NEXT = """
[dim]Next:[/]  . lab/env                       a shell with pulumi and the lab's endpoints
       pulumi -s lab preview           nothing to do, until you change something
       python -m lab shell             a shell in the container
       make lab-down                   remove all of it
"""
