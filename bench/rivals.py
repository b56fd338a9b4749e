"""Ansible side by side with us: the same container, the same jump host, the same number of peers, in turn."""

import statistics
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.figures import Cost, Figures
from bench.playbooks import ROLE, Playbook, clean, prepare
from bench.stack import Stack, team
from lab.containers import Containers
from lab.site import Site

SIZES = (20, 200, 1_000)
RUNS = 3
AIMS = {
    ("playbook", "no-op"): "aim: 1",
    ("role", "no-op"): "aim: 0.5",
    ("playbook", "look only"): "aim: 0.5",
}
WIPE = (
    "systemctl disable --now wg-quick@wg0; nft delete table inet wireguard_vpn; "
    "rm -rf /etc/wireguard/wg0.conf /etc/wireguard-vpn /var/lib/wireguard-vpn /usr/local/lib/wireguard-vpn; true"
)
"""Makes of our server what a container with its packages is before the first apply."""


def run(figures: Figures, root: Path) -> None:
    """Compare at each size, then bring the server back to what it was."""
    stack, site = Stack(root), Site.of(root)
    stack.prepare()
    stack.peers(team(SIZES[0]))
    stack.up()
    vmid = int(stack.outputs()["ct_id"])
    try:
        rivals = prepare(stack, site)
        if "role" not in rivals:
            figures.add("ansible", "role githubixx.wireguard", None, "", f"not measured: {ROLE} names no copy of it")
        _first(figures, stack, site, rivals, vmid)
        for count in SIZES:
            Size(figures, stack, rivals, count).compare()
    finally:
        clean(stack, site, vmid)
        stack.restore()


def _first(figures: Figures, stack: Stack, site: Site, rivals: dict[str, Playbook], vmid: int) -> None:
    """Apply to a container that has the packages and nothing else."""
    for name, rival in rivals.items():
        rival.write(SIZES[0])
        figures.cost("ansible", f"first apply, {SIZES[0]} peers: {name}", [rival.run()], "packages are there")
    Containers(site).execute(vmid, ["sh", "-c", WIPE])
    figures.cost("ansible", f"first apply, {SIZES[0]} peers: ours", [stack.up("--refresh")], "on a wiped server")


class Size:
    """One number of peers. Each turn runs everybody once, so that a busy minute hits all."""

    def __init__(self, figures: Figures, stack: Stack, rivals: dict[str, Playbook], count: int) -> None:
        self.figures, self.stack, self.rivals, self.count = figures, stack, rivals, count

    def compare(self) -> None:
        """Bring all to the size, then measure."""
        self._have(0)
        self.stack.up("--refresh")
        for rival in self.rivals.values():
            rival.run()
        self._tell("no-op", self._turns(lambda _: self.stack.up("--refresh")))
        self._tell("look only", self._turns(lambda _: self.stack.preview(), "--check"))
        self._tell("add a peer", self._turns(self._add))

    def _have(self, more: int) -> None:
        self.stack.peers([*team(self.count), *({"name": f"newcomer-{n}"} for n in range(more))])
        for rival in self.rivals.values():
            rival.write(self.count, more)

    def _add(self, turn: int) -> Cost:
        self._have(turn + 1)
        return self.stack.up()

    def _turns(self, ours: Callable[[int], Cost], *options: str) -> dict[str, list[Cost]]:
        costs: dict[str, list[Cost]] = {name: [] for name in ("ours", *self.rivals)}
        for turn in range(RUNS):
            costs["ours"].append(ours(turn))
            for name, rival in self.rivals.items():
                costs[name].append(rival.run(*options))
        return costs

    def _tell(self, what: str, costs: dict[str, list[Cost]]) -> None:
        for name, taken in costs.items():
            self.figures.cost("ansible", f"{what}, {self.count:,} peers: {name}", taken)
        for name in self.rivals:
            title = f"{what}, {self.count:,} peers: ours over {name}"
            wall = _ratio((ours.wall, theirs.wall) for ours, theirs in zip(costs["ours"], costs[name], strict=True))
            cpu = _ratio((ours.cpu, theirs.cpu) for ours, theirs in zip(costs["ours"], costs[name], strict=True))
            self.figures.add("ansible", title, wall, "x", f"{self._aim(name, what)}; processor: {cpu:.2f}")

    def _aim(self, name: str, what: str) -> str:
        if (name, what) == ("playbook", "add a peer"):
            return "aim: 0.5" if self.count >= SIZES[-1] else "aim: 0.6"
        return AIMS.get((name, what), "no aim")


def _ratio(pairs: Iterable[tuple[float, float]]) -> float:
    """Return the median of the ratios of runs that followed each other."""
    return statistics.median(ours / theirs for ours, theirs in pairs)
