"""Run the faults: `python -m chaos`. Prints how many of how many held; each failure can be replayed.

python -m chaos --only netbox-update --seed 7
"""

import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import typer

from chaos import faults, kills, matrix, troubles
from chaos.arena import discard, gated, systems
from chaos.cases import Bench, Outcome, tally
from lab.services import NAMES
from lab.site import Site
from tests.lab.stack.rehearsal import ROOT, Rehearsal, checkout

KILLS: Final = 100
NOTHING_TRIED: Final = 2
"""Exit status when no case was begun: neither success nor a promise broken."""
Case = tuple[str, Callable[[Bench, int], Outcome]]
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


def cases(of: tuple[str, ...], number_of_kills: int) -> Iterable[Case]:
    """Yield every case by name that a site with these systems can try, in the order they are tried."""
    for cell in matrix.matrix(of):
        yield cell.name, partial(_of, matrix.run, cell)
    for trouble in troubles.troubles():
        yield trouble.name, partial(_of, troubles.run, trouble)
    for kill in kills.kills(number_of_kills):
        yield kill.name, partial(_of, kills.run, kill)


def _of(run: Callable[..., Outcome], case: object, bench: Bench, seed: int) -> Outcome:
    return run(bench, case, seed)


@app.command(help=__doc__)
def main(
    only: Annotated[str, typer.Option(help="cases whose name begins so; several by commas")] = "",
    seed: Annotated[int, typer.Option(help="where the faults hit")] = 1,
    number_of_kills: Annotated[int, typer.Option("--kills", help="how many runs are killed")] = KILLS,
    services: Annotated[str, typer.Option(help="real services the site gets")] = ",".join(NAMES),
    site: Annotated[Path | None, typer.Option(help="directory of the site; kept afterwards")] = None,
    minutes: Annotated[float, typer.Option(help="begin no case after so many")] = 1e6,
    listing: Annotated[bool, typer.Option("--list", help="name the cases and stop")] = False,  # noqa: FBT002
) -> None:
    """Try the cases on a site of their own."""
    wanted = [*chosen(cases(systems(filter(None, services.split(","))), number_of_kills), only.split(","))]
    if listing:
        print("\n".join(name for name, _ in wanted))
        return
    outcomes: list[Outcome] = []
    try:
        with _site(site, services) as lab, gated(lab) as arena:
            run_all(Bench(arena), wanted, seed, time.monotonic() + minutes * 60, outcomes)
    finally:  # who interrupts a run of hours wants to know what it has shown
        _report(outcomes, len(wanted))
    sys.exit(any(not outcome.held for outcome in outcomes) if outcomes else NOTHING_TRIED)


def chosen(known: Iterable[Case], prefixes: Iterable[str]) -> Iterator[Case]:
    """Yield the cases whose name begins with one of `prefixes`, in the order of these; each must name one."""
    left = every = list(known)
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name, _ in every):
            raise typer.BadParameter(f"there is no case {prefix}…; --list names all", param_hint="--only")
        yield from (case for case in left if case[0].startswith(prefix))
        left = [case for case in left if not case[0].startswith(prefix)]


def run_all(bench: Bench, wanted: Iterable[Case], seed: int, give_up: float, outcomes: list[Outcome]) -> None:
    """Try the cases one after the other and say of each what came of it, also in `outcomes`."""
    for name, run in wanted:
        if time.monotonic() > give_up:
            break
        outcomes.append(_tried(bench, name, run, seed))
        print(outcomes[-1].line(), flush=True)
        for problem in outcomes[-1].problems:
            print(f"         {problem}\n         python -m chaos --only {name} --seed {seed}", flush=True)


def _tried(bench: Bench, name: str, run: Callable[[Bench, int], Outcome], seed: int) -> Outcome:
    try:
        return run(bench, seed)
    except Exception as error:  # noqa: BLE001 - whatever broke this case says nothing about the next
        bench.present = None
        faults.heal(bench.arena)
        return Outcome(name, seed, [f"could not be tried: {type(error).__name__}: {error}"])


def _report(outcomes: list[Outcome], count: int) -> None:
    groups: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        groups.setdefault(outcome.case.partition("-")[0], []).append(outcome)
    print()
    for group, found in groups.items():
        print(f"{group:<10} {tally(found)} held")
    unmet, untried = sum(not outcome.met for outcome in outcomes), count - len(outcomes)
    print(f"{'all':<10} {tally(outcomes)} held; {unmet} ended before their fault; {untried} not tried for lack of time")


@contextmanager
def _site(place: Path | None, services: str) -> Iterator[Rehearsal]:
    """Bring up a checkout of its own with its lab; it goes afterwards unless a place was given."""
    root = place or Path(tempfile.gettempdir()) / f"wireguard-vpn-chaos-{Site.of(ROOT).hash}" / "a checkout"
    lab = checkout(root)
    try:
        lab.lab("start", *(["--services", services] if services else []))
        yield lab
    finally:
        if place is None:
            lab.lab("down")
            discard(root.parent)


if __name__ == "__main__":
    app()
