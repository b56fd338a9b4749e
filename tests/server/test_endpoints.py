"""Endpoints kept on disk, and put into the configuration before the interface comes up."""

from pathlib import Path

import pytest

from tests.server.machine import SCRIPTS, Machine, key


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A server with an interface of three peers, the third of which has not been seen."""
    made = Machine(tmp_path)
    made.running.write_text("")
    (made.root / "var/lib/wireguard-vpn").mkdir()
    (made.home / "endpoints").write_text(
        f"{key(1)}\t198.51.100.1:4001\n{key(2)}\t[2001:db8::2]:4002\n{key(3)}\t(none)\n"
    )
    (made.home / "handshakes").write_text(f"{key(1)}\t1795800000\n{key(2)}\t0\n{key(3)}\t0\n")
    return made


def kept(machine: Machine) -> Path:
    """Return the file that endpoints are kept in."""
    return machine.root / "var/lib/wireguard-vpn/endpoints"


def endpoints(machine: Machine, verb: str) -> None:
    """Run the script."""
    outcome = machine.run(SCRIPTS / "endpoints", verb, "wg0")
    assert (outcome.status, outcome.said) == (0, "")


def test_what_is_seen_is_kept_and_what_is_not_seen_stays(machine: Machine) -> None:
    kept(machine).write_text(f"{key(2)}\told:1\t1795700000\n{key(3)}\t203.0.113.3:9\t1795700000\n{key(9)}\tgone:1\t1\n")
    endpoints(machine, "save")
    assert kept(machine).read_text().splitlines() == [
        f"{key(1)}\t198.51.100.1:4001\t1795800000",
        f"{key(2)}\t[2001:db8::2]:4002\t1795700000",
        f"{key(3)}\t203.0.113.3:9\t1795700000",
    ]


def test_without_an_interface_nothing_is_forgotten(machine: Machine) -> None:
    endpoints(machine, "save")
    before = kept(machine).read_text()
    machine.running.unlink()
    endpoints(machine, "save")
    assert kept(machine).read_text() == before


def test_an_interface_that_has_no_peers_yet_makes_nothing_forgotten(machine: Machine) -> None:
    """Between `ip link add` and `wg setconf` wg answers with nothing, and well."""
    endpoints(machine, "save")
    before = kept(machine).read_text()
    for name in ("endpoints", "handshakes"):
        (machine.home / name).write_text("")
    endpoints(machine, "save")
    assert kept(machine).read_text() == before


def test_kept_endpoints_go_where_the_configuration_says_none(machine: Machine) -> None:
    (machine.home / "hosts").write_text("vpn.example 203.0.113.7\n")
    endpoints(machine, "save")
    machine.config.write_text(
        f"[Interface]\nListenPort = 1\n\n[Peer]\n# Name = a\nPublicKey = {key(1)}\nAllowedIPs = 10.8.0.2/32\n\n"
        f"[Peer]\nPublicKey={key(2)}\nEndpoint = vpn.example:1\n\n[Peer]\nPublicKey = {key(3)}\n"
    )
    machine.config.chmod(0o600)
    for _ in range(2):
        endpoints(machine, "merge")
        assert machine.config.read_text() == (
            f"[Interface]\nListenPort = 1\n\n[Peer]\n# Name = a\nPublicKey = {key(1)}\nAllowedIPs = 10.8.0.2/32\n"
            f"Endpoint = 198.51.100.1:4001\n\n"
            f"[Peer]\nPublicKey={key(2)}\nEndpoint = 203.0.113.7:1\n\n[Peer]\nPublicKey = {key(3)}\n"
        )
    assert machine.config.stat().st_mode & 0o777 == 0o600


def test_a_missing_configuration_is_left_missing(machine: Machine) -> None:
    endpoints(machine, "save")
    endpoints(machine, "merge")
    assert not machine.config.exists()


def test_a_full_disk_does_not_gather_attempts(machine: Machine) -> None:
    full = machine.place / "full"
    full.write_text(f'ulimit -f 0; bash "{SCRIPTS}/endpoints" "$@"\n')
    assert machine.run(full, "save", "wg0").status != 0
    assert [path.name for path in kept(machine).parent.iterdir()] == ["endpoints"]
