"""Whole commands on the lab: preview, up, refresh, one peer more, by number of peers."""

import statistics
from pathlib import Path

from bench.figures import Figures, median_seconds, seconds
from bench.flow import Flow
from bench.stack import Stack, team
from lab.api.requestlog import read_log
from lab.site import Site

SIZES = (1, 20, 100, 1_000)
RUNS = 3


def run(figures: Figures, root: Path) -> None:
    """Measure every size on the lab's server, then bring it back to what it was."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    try:
        for count in SIZES:
            stack.peers(team(count))
            figures.add("program", f"up from fewer to {count:,} peers", seconds(stack.up), "s")
            _no_op(figures, stack, site, count)
            _one_more(figures, stack, site, count)
        _restart(figures, stack, site)
        resources = stack.state()["deployment"]["resources"]
        figures.add("program", f"resources with {SIZES[-1]:,} peers", len(resources), "", "the same for any number")
    finally:
        stack.restore()


def _no_op(figures: Figures, stack: Stack, site: Site, count: int) -> None:
    preview = median_seconds(lambda: stack.preview("--expect-no-changes"), RUNS)
    figures.add("program", f"no-op preview, {count:,} peers", preview, "s")
    figures.add("program", f"no-op up, {count:,} peers", median_seconds(stack.up, RUNS), "s")
    before = _requests(site)
    refresh = median_seconds(lambda: stack.up("--refresh"), RUNS)
    figures.add("program", f"no-op up --refresh, {count:,} peers", refresh, "s")
    calls = (_requests(site) - before) / (RUNS + 1)
    figures.add("program", f"API calls of a no-op up --refresh, {count:,} peers", calls, "", "Proxmox VE and PBS")
    before = _requests(site)
    stack.preview("--expect-no-changes")
    figures.add("program", f"API calls of a no-op preview, {count:,} peers", _requests(site) - before, "")


def _one_more(figures: Figures, stack: Stack, site: Site, count: int) -> None:
    """Add one peer, then remove it, while another one's ping runs at 10 ms."""
    added, removed, lost = [], [], 0
    for number in range(RUNS):
        with Flow(site, stack.outputs()) as flow:
            stack.peers([*team(count), {"name": f"newcomer-{number}"}])
            added.append(seconds(stack.up))
            stack.peers(team(count))
            removed.append(seconds(stack.up))
        lost += flow.lost
    figures.add("program", f"one peer added, {count:,} peers", statistics.median(added), "s")
    figures.add("program", f"one peer removed, {count:,} peers", statistics.median(removed), "s")
    figures.add("program", f"packets others lost in {2 * RUNS} changes, {count:,} peers", lost, "", "ping at 10 ms")


def _restart(figures: Figures, stack: Stack, site: Site) -> None:
    """Change the interface, which restarts it, and see how long a session is away."""
    config = stack.directory / "config.yaml"
    with Flow(site, stack.outputs()) as flow:
        config.write_text(config.read_text().replace("config:\n", "config:\n  wireguard-vpn:mtu: 1400\n", 1))
        stack.up()
    figures.add("program", "gap of a restart", flow.longest_gap, "s", "a plain one costs a roaming client 15 s")


def _requests(site: Site) -> int:
    return sum(len(read_log(site.logs / f"{system}-requests.jsonl")) for system in ("pve", "pbs"))
