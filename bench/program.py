"""Whole commands on the lab: preview, up, refresh, one peer more, by number of peers."""

from pathlib import Path

from bench.figures import Cost, Figures
from bench.flow import flowing, longest_gap
from bench.stack import Stack, team
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
            figures.cost("program", f"up from fewer to {count:,} peers", [stack.up()])
            _no_op(figures, stack, count)
            _one_more(figures, stack, site, count)
        _restart(figures, stack, site)
        resources = stack.state()["deployment"]["resources"]
        figures.add("program", f"resources with {SIZES[-1]:,} peers", len(resources), "", "the same for any number")
    finally:
        stack.restore()


def _no_op(figures: Figures, stack: Stack, count: int) -> None:
    previews = [stack.preview("--expect-no-changes") for _ in range(RUNS)]
    figures.cost("program", f"no-op preview, {count:,} peers", previews)
    figures.cost("program", f"no-op up, {count:,} peers", [stack.up() for _ in range(RUNS)])
    figures.cost("program", f"no-op up --refresh, {count:,} peers", [stack.up("--refresh") for _ in range(RUNS)])


def _one_more(figures: Figures, stack: Stack, site: Site, count: int) -> None:
    """Add one peer, then remove it, while another one's ping runs at 10 ms."""
    added, removed, lost = list[Cost](), list[Cost](), 0
    for number in range(RUNS):
        with flowing(site, stack.outputs()) as flow:
            stack.peers([*team(count), {"name": f"newcomer-{number}"}])
            added.append(stack.up())
            stack.peers(team(count))
            removed.append(stack.up())
        lost += flow.lost
    figures.cost("program", f"one peer added, {count:,} peers", added)
    figures.cost("program", f"one peer removed, {count:,} peers", removed)
    figures.add("program", f"packets others lost in {2 * RUNS} changes, {count:,} peers", lost, "", "ping at 10 ms")


def _restart(figures: Figures, stack: Stack, site: Site) -> None:
    """Change the interface, which restarts it, and see how long a session is away."""
    with flowing(site, stack.outputs()) as flow:
        stack.set("mtu", "1400")
        stack.up()
    figures.add("program", "gap of a restart", longest_gap(flow), "s", "a plain one costs a roaming client 15 s")
