"""What the tunnel does not need and is not in order: the run fails, and still nobody is let in again."""

import pytest

from tests.server.machine import AGENT, AGENT_FILES, TEAM, Machine, Outcome, key
from tests.server.test_failures import PICKY, tampered

WATCHED = TEAM.but(agent=True)
WITHOUT_BOB = WATCHED.but(peers={"alice": key(1)})


@pytest.fixture
def watched(server: Machine) -> Machine:
    """A server with an agent."""
    assert server.apply(WATCHED).report["ok"]
    server.calls()
    return server


def stands_and_fails(machine: Machine, outcome: Outcome, reason: str) -> None:
    """Hold that bob was removed, that the run failed for `reason`, and that the next one does nothing else."""
    assert key(2) not in machine.running.read_text() + machine.config.read_text()
    assert outcome.status == 1
    assert outcome.report == outcome.report | {"ok": False, "rolled_back": False, "removed": 1, "reason": reason}
    assert f"apply failed: {reason}; everything else is as it should be and stays" in outcome.said
    machine.break_()
    again = machine.apply(WITHOUT_BOB)
    assert again.report == again.report | {"ok": True, "removed": 0}
    assert {*machine.unit(AGENT)} == {"active", "enabled"}


@pytest.mark.parametrize("unit", [AGENT, "wireguard-vpn-watch@wg0.service"])
@pytest.mark.parametrize(
    ("words", "verb", "reason"),
    [
        ("enabled", "start", "does not start; {0} is not active"),
        ("active", "enable", "cannot be enabled; {0} is not enabled"),
    ],
)
def test_a_sick_unit_beside_the_tunnel_keeps_no_removal_out(
    watched: Machine, unit: str, words: str, verb: str, reason: str
) -> None:
    (watched.home / "units" / unit).write_text(f"{words}\n")
    watched.break_(f"systemctl {verb} {unit}")
    outcome = watched.apply(WITHOUT_BOB)
    stands_and_fails(watched, outcome, f"{unit} {reason.format(unit)}")


def test_a_file_has_its_effect_with_the_next_run_when_its_unit_did_not_restart(watched: Machine) -> None:
    (watched.root / AGENT_FILES["agent2.conf"].lstrip("/")).write_text("# edited\n")
    watched.break_(f"systemctl restart {AGENT}")
    outcome = watched.apply(WITHOUT_BOB)
    watched.calls()
    stands_and_fails(watched, outcome, f"{AGENT} does not start")
    assert f"systemctl restart {AGENT}" in watched.calls()


def test_a_package_beside_the_tunnel_keeps_no_removal_out(watched: Machine) -> None:
    (watched.home / "packages").write_text("nftables wireguard-tools")
    watched.break_("apt-get")
    outcome = watched.apply(WITHOUT_BOB)
    assert outcome.report["reason"].startswith("package lists cannot be fetched: broken on purpose: [key]")
    stands_and_fails(watched, outcome, outcome.report["reason"])
    assert (watched.home / "patience").read_text().split() == ["Timeout=30", "Retries=0", "Timeout=10"]


def test_a_file_of_a_package_that_is_missing_keeps_no_removal_out(watched: Machine) -> None:
    placement = (watched.state / "last-good/placement").read_text()
    psk = AGENT_FILES["agent2.psk"]
    grouped = placement.replace(f"0600 {psk}", f"0640:zabbix {psk}")
    outcome = tampered(watched, WITHOUT_BOB, {"placement": grouped})
    stands_and_fails(watched, outcome, f"{psk} is not there: there is no group zabbix")


def test_an_undo_for_another_reason_ends_whole_beside_a_sick_unit(watched: Machine) -> None:
    (watched.home / "units" / AGENT).write_text("enabled\n")
    watched.break_(f"systemctl start {AGENT}", "once wg addconf")
    outcome = watched.apply(WITHOUT_BOB)
    assert outcome.report["rolled_back"] is True
    assert outcome.report["reason"].startswith("wg refuses the configuration")
    assert outcome.report["reason"].endswith(f"; {AGENT} does not start; {AGENT} is not active")


def test_what_was_sick_before_an_undo_and_is_well_after_it_is_not_told(watched: Machine) -> None:
    (watched.home / "units" / AGENT).write_text("enabled\n")
    watched.break_(f"once systemctl start {AGENT}")
    outcome = tampered(watched, WITHOUT_BOB, {"verify": PICKY})
    assert {*watched.unit(AGENT)} == {"active", "enabled"}
    assert outcome.report == outcome.report | {"rolled_back": True, "reason": "not as expected"}
