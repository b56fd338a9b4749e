"""Zabbix switched off and on again under a running server; last of all, the whole stack undone."""

from tests.lab.monitoring.conftest import Watched
from tests.lab.monitoring.test_secrets import canaries, left
from tests.leaks.canaries import hits
from tests.providers.zabbix.dump import dump

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


def test_undo_leaves_zabbix_and_netbox_as_they_were_and_no_secret_anywhere(watched: Watched) -> None:
    known, printed = canaries(watched), watched.stack.destroy("--diff").out
    assert dump(watched.api) == watched.before
    assert watched.inventory.dump() == watched.inventory_before
    assert hits(known, left(watched) | {"destroy --diff": printed.encode()}) == []
