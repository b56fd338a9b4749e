"""An update that failed at any of its requests and was taken back in the configuration leaves nothing of itself."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from itertools import count
from typing import Any

import pytest

from lab.api.faults import Fault, FaultFile, Kind
from providers.firewall_rules import AGENT, SSH, VPN, FirewallRulesProvider
from tests.providers.engine import CheckFailed, Writer, error_of
from tests.providers.host import Host, HostError
from tests.providers.pbs.conftest import Stack, Systems, configure

KINDS: tuple[Kind, ...] = ("cut-before", "cut-after")
REPEATED = 9
"""Longer than any client tries."""
ANOTHER = {"keep_daily": 1, "keep_weekly": 0, "prune_schedule": "03:00", "verify_schedule": "sat 05:00"}
OPEN = {"type": "in", "action": "ACCEPT", "enable": "1", "comment": VPN, "proto": "udp", "dport": "51820"}
MANAGED = {**OPEN, "comment": SSH, "proto": "tcp", "dport": "22", "source": "192.168.0.0/16"}
WATCHED = {**OPEN, "comment": AGENT, "proto": "tcp", "dport": "10050"}
WORLD = {**MANAGED, "source": "0.0.0.0/0"}


def failing(update: Callable[[], Any], faults: FaultFile, kind: Kind) -> Iterator[None]:
    """Run the update with its first write broken, then with its second, until none is left to break."""
    for passed in count():
        fault = Fault(kind, method="POST|PUT|DELETE", skip=passed, count=REPEATED)
        faults.plant(fault)
        with suppress(HostError, CheckFailed):
            update()
        met = [each.count for each in faults.planned()] != [REPEATED]
        faults.clear()
        yield
        if not met:
            assert passed, "it writes nothing"
            return


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("who", ["own", "pool"])
def test_a_schedule_that_was_taken_back_is_the_one_before(stack: Stack, strong: Systems, who: str, kind: Kind) -> None:
    stack.up(backup_job=who)
    before = strong.jobs
    for _ in failing(lambda: stack.up(backup_job=who, **ANOTHER), strong.pbs_faults, kind):
        stack.up(backup_job=who)
        assert strong.jobs == before
    assert stack.up(backup_job=who) == ("same", "same")


def test_a_backup_job_that_was_taken_back_is_the_one_before(stack: Stack, strong: Systems) -> None:
    stack.up(backup_job="own")
    before = strong.jobs
    for _ in failing(lambda: stack.up(backup_job="own", backup_schedule="hourly"), strong.pve_faults, "cut-after"):
        stack.up(backup_job="own")
        assert strong.jobs == before


def test_what_prunes_is_not_touched_while_nothing_backs_the_container_up(stack: Stack, systems: Systems) -> None:
    stack.up()
    before = systems.jobs["prune"]
    systems.pve.data["jobs"].clear()
    assert "no enabled backup job" in error_of(stack.registration.up, stack.registration.inputs | ANOTHER)
    assert systems.jobs["prune"] == before


@pytest.fixture
def rules(host: Host, systems: Systems) -> Writer:
    """The rules of a container that is there."""
    systems.pve.data["guests"]["2090"] = {"config": {}, "lock": ""}
    systems.pve.data["pools"]["wireguard"]["vms"].append("2090")
    configure(host, systems.config)
    return Writer(host, FirewallRulesProvider())


@pytest.mark.parametrize("kind", KINDS)
def test_a_firewall_that_was_opened_and_closed_again_is_closed(rules: Writer, systems: Systems, kind: Kind) -> None:
    closed, opened = wanted(OPEN, MANAGED), wanted(OPEN, WORLD, WATCHED)
    rules.up(closed)
    before = deepcopy(systems.pve.firewall(2090)["rules"])
    for _ in failing(lambda: rules.up(opened), systems.pve_faults, kind):
        rules.up(closed)
        assert systems.pve.firewall(2090)["rules"] == before
    assert rules.up(closed) == "same"


def wanted(*rules: dict[str, str]) -> dict[str, Any]:
    """Return the program's inputs."""
    return {"node": "pve", "container_id": 2090, "rules": [*rules], "instance": "BC:24:11:00:00:01"}
