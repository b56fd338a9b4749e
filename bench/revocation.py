"""How soon a removed peer is cut off: its own running ping, while the `up` runs that removes it."""

import re
import statistics
import time
from pathlib import Path

from bench.figures import Figures
from bench.flow import flowing
from bench.stack import BenchError, Stack, team
from lab.containers import Containers
from lab.peers import Peers
from lab.site import Site

ROUNDS = 3


def run(figures: Figures, root: Path) -> None:
    """Add a peer, let it ping, remove it; see when its last answer came."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    since_start, since_apply = [], []
    try:
        for number in range(ROUNDS):
            name = f"leaver-{number}"
            stack.peers([*team(20), {"name": name}])
            stack.up()
            with flowing(site, stack.outputs(), name) as flow:
                stack.peers(team(20))
                begun = time.time()
                stack.up()
            if not flow.answers:
                raise BenchError(f"{name} had no answer before it was removed")
            since_start.append(flow.answers[-1] - begun)
            since_apply.append(flow.answers[-1] - _began(site, int(stack.outputs()["ct_id"]), begun))
            Peers(site).disconnect(name)
    finally:
        stack.restore()
    figures.add("revocation", "removed peer cut, from the start of the up", statistics.median(since_start), "s")
    figures.add("revocation", "removed peer cut, from the login of the apply", statistics.median(since_apply), "s")


def _began(site: Site, vmid: int, after: float) -> float:
    """Return when the session that applied began, by the server's own journal, in Unix seconds; raises BenchError."""
    argv = ["journalctl", "--no-pager", "-o", "short-unix", "--since", f"@{int(after)}", "-t", "sshd"]
    said = Containers(site).execute(vmid, argv).stdout.decode()
    logins = [float(found) for found in re.findall(r"^([\d.]+) .*Accepted publickey", said, re.MULTILINE)]
    began = next((each for each in logins if each >= after), None)
    if began is None:
        raise BenchError("the server's journal shows no login of the apply")
    return began
