"""Zabbix switched off and on again under a running server."""

from tests.lab.monitoring.conftest import Watched

UNITS = "wireguard-vpn-status@wg0 zabbix-agent2"


def test_switched_off_nothing_of_it_runs_or_is_registered_and_switched_on_all_of_it(watched: Watched) -> None:
    assert states(watched) == {"active"}
    watched.stack.set("zabbix_enabled", "false")
    try:
        watched.stack.up()
        assert states(watched) == {"inactive"}
        assert "zabbix" not in watched.rehearsal.sh("ls /etc/systemd/system/*.wants; ls /etc/wireguard-vpn")
        assert watched.host_ids() == []
    finally:
        watched.stack.set("zabbix_enabled", "true")
        watched.stack.up()
    assert states(watched) == {"active"}
    assert len(watched.host_ids()) == 1


def states(watched: Watched) -> set[str]:
    """Return whether collector and agent run on the server."""
    return set(watched.rehearsal.sh(f"systemctl is-active {UNITS} || true").split())
