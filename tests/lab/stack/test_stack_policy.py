"""The policy pack with the real CLI: at preview, and over the exported state."""

import subprocess
import sys

import pytest

from tests.lab.stack.rehearsal import Rehearsal

PACK = ("--policy-pack", "policy")


@pytest.fixture(scope="module", autouse=True)
def _up(deployed: Rehearsal) -> None:
    """Have the stack up, whatever ran before."""
    deployed.stack("lab").up()


def test_preview_passes_the_stack_as_it_is(deployed: Rehearsal) -> None:
    said = deployed.stack("lab").preview(*PACK).out
    assert "wireguard-vpn@" in said
    assert "[mandatory]" not in said


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [("proxmox_firewall", "false", "firewall-present"), ("dmz_networks[0]", "10.99.0.0/24", "dmz-unreachable")],
)
def test_preview_stops_at_a_broken_rule(key: str, value: str, rule: str, deployed: Rehearsal) -> None:
    stack = deployed.stack("lab")
    stack.set(key, value)
    try:
        refused = stack.preview(*PACK, check=False)
    finally:
        stack.unset(key.partition("[")[0])
    assert refused.code != 0
    assert f"[mandatory]  {rule}" in refused.out


def test_the_state_holds_nothing_secret_in_the_clear(deployed: Rehearsal) -> None:
    state = deployed.stack("lab").export()
    argv = [sys.executable, "-m", "policy", "-"]
    done = subprocess.run(argv, cwd=deployed.root, input=state, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "secrets-marked" not in done.stdout
