"""A stopped lab, its container with it, until a peer is connected again: what `make lab` does when all is cached."""

import subprocess
import sys
from pathlib import Path

from bench.figures import Figures, stopwatch
from bench.stack import BenchError, Stack
from lab.peers import Peers
from lab.site import Site

PEER = "alice-laptop"


def run(figures: Figures, root: Path) -> None:
    """Stop everything, then start the lab, run up and connect."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    config = stack.outputs()["client_configs"][PEER]
    _lab(root, "stop")
    with stopwatch() as whole:
        with stopwatch() as started:
            _lab(root, "start")
        stack.restore()
        Peers(site).connect(PEER, config)
    figures.add("warm", "lab started again, from stopped", started[0], "s")
    figures.add("warm", "from stopped to the first connected peer", whole[0], "s", "lab start, pulumi up, handshake")


def _lab(root: Path, verb: str) -> None:
    done = subprocess.run([sys.executable, "-m", "lab", verb], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"lab {verb}: {(done.stdout + done.stderr)[-1500:]}")
