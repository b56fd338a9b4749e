"""A fault in each system, a kill, two runs at once and a full disk: the stack comes through them all."""

import pytest

from chaos import kills, matrix, troubles
from chaos.cases import Bench, Outcome

SEED = 1
CELLS = (
    matrix.Fault("pbs", "update", "cut-after"),
    matrix.Fault("proxmox", "update", "cut-after"),
    matrix.Fault("ssh", "update", "cut-after"),
    matrix.Fault("ssh", "read", "429"),
)
KILL = kills.Kill("update", 1)
TROUBLES = (troubles.Trouble("disk-full-config"), troubles.Trouble("two-at-once"))

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_fault_on_the_way_is_survived(bench: Bench, cell: matrix.Fault) -> None:
    outcome = matrix.run(bench, cell, SEED)
    assert outcome.problems == [], outcome.line()


def test_a_killed_run_is_survived(bench: Bench) -> None:
    outcomes: list[Outcome] = []
    for seed in range(SEED, SEED + 5):  # a run may be faster than its killer
        outcomes.append(kills.run(bench, KILL, seed))
        if outcomes[-1].met:
            break
    assert [(each.line(), each.problems) for each in outcomes if each.problems] == []
    assert outcomes[-1].met


@pytest.mark.parametrize("case", TROUBLES, ids=lambda case: case.name)
def test_a_trouble_is_survived(bench: Bench, case: troubles.Trouble) -> None:
    outcome = troubles.run(bench, case, SEED)
    assert outcome.problems == [], outcome.line()
