"""Ten thousand peers in one stack: time, memory and state. Its server is the lab's own.

NetBox is left out: it takes seconds of its own for every hundred addresses, and would be all that is measured.
"""

import json
import resource
from pathlib import Path

from bench.figures import Figures
from bench.stack import Stack, team
from lab.containers import Containers
from lab.site import Site

COUNT = 10_000


def run(figures: Figures, root: Path) -> None:
    """Bring the server to so many peers and look at what it costs."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    stack.set("netbox_enabled", "false")
    try:
        stack.peers(team(COUNT))
        figures.cost("scale", f"up from few to {COUNT:,} peers", [stack.up()])
        figures.cost("scale", f"no-op preview, {COUNT:,} peers", [stack.preview("--expect-no-changes")])
        figures.cost("scale", f"no-op up --refresh, {COUNT:,} peers", [stack.up("--refresh")])
        stack.peers([*team(COUNT), {"name": "newcomer"}])
        figures.cost("scale", f"one peer added, {COUNT:,} peers", [stack.up()])
        figures.add("scale", f"state, {COUNT:,} peers", len(json.dumps(stack.state())) / 1e6, "MB")
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        figures.add("scale", "largest process on our side", peak, "MB", "of pulumi, its plugins and the program")
        used = Containers(site).usage(int(stack.outputs()["ct_id"])).get("mem", 0) / 1e6
        figures.add("scale", f"memory of the container, {COUNT:,} peers", used, "MB")
    finally:
        stack.restore()
