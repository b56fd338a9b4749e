"""Recovery: from a destroyed container to a connected peer that talks on, by the operator's own command."""

import subprocess
import time
from pathlib import Path
from typing import Final

from bench.figures import Figures, stopwatch
from bench.flow import PEER, flowing
from bench.stack import BenchError, Stack
from lab.containers import Containers
from lab.peers import Peers
from lab.site import Site

PATIENCE_SECONDS: Final = 60.0


def run(figures: Figures, root: Path) -> None:
    """Back up, destroy the container behind Pulumi's back, restore, connect."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    outputs = stack.outputs()
    vmid = int(outputs["ct_id"])
    try:
        with stopwatch() as taken:
            _wgvpn(root, "backup", "now")
        figures.add("recovery", "backup of the running container", taken[0], "s")
        with flowing(site, outputs):
            Containers(site).stop(vmid)
            Containers(site).destroy(vmid)
            begun = time.monotonic()
            _wgvpn(root, "restore", "--yes")
            figures.add("recovery", "restored, started and checked", time.monotonic() - begun, "s")
            _await_ping(Peers(site))
            whole = time.monotonic() - begun
        figures.add("recovery", "from container destroyed to peer connected", whole, "s", "allowed: 30 min; aim: 120 s")
    finally:
        stack.restore()


def _wgvpn(root: Path, *args: str) -> None:
    done = subprocess.run([root / "wgvpn", *args], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"wgvpn {' '.join(args)}: {(done.stdout + done.stderr)[-1500:]}")


def _await_ping(peers: Peers) -> None:
    """Wait for an answer through the tunnel the peer has had all along: it comes back by itself."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while peers.ping(PEER, "10.8.0.1", count=1) is None:
        if time.monotonic() > deadline:
            raise BenchError(f"{PEER} has no answer {PATIENCE_SECONDS:.0f} s after the restore")
