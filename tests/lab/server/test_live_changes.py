"""Changes on a running server: what is interrupted, what is not, and what a failed one leaves."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from lab.containers import Containers
from lab.peers import Peers
from lab.site import Site
from providers.server_state import RETIRE_SECONDS
from tests.lab.bare_site.way_in import VMID, await_ssh
from tests.lab.server.live import NAMES, Live, flow, idle, version
from tests.lab.waiting import eventually
from tests.pure.support import private_key
from vpn import bundle, rendering

SQUATTER = (
    """use IO::Socket::INET; my $taken = IO::Socket::INET->new(LocalPort => 51999, Proto => "udp") or die; sleep 600"""
)
OVERRIDES = "/etc/systemd/system/wg-quick@wg0.service.d"
LOCK = "/run/wireguard-vpn.lock"
FEWER = tuple(name for name in NAMES if name != "peer3")


def test_a_first_apply_is_clean_and_a_second_changes_nothing(server: Live) -> None:
    assert server.findings(version()) == ()
    assert server.apply(version())["change"] == "none"
    assert server.sh("stat -c '%a %U:%G' /etc/wireguard/wg0.conf") == "600 root:root"


def test_peers_come_and_go_without_a_lost_packet(server: Live, site: Site) -> None:
    more = version((*NAMES, "peer7"))
    with flow(site, "peer0") as flowing:
        time.sleep(1)
        changes = [server.apply(wanted)["change"] for wanted in (more, version(FEWER), version())]
        time.sleep(1)
    assert changes == ["peers", "peers", "peers"]
    assert flowing.received
    assert flowing.lost == 0


def test_a_removed_peers_running_flow_stops(server: Live, site: Site) -> None:
    eventually(lambda: Peers(site).ping("peer3", "10.8.0.1", count=1), "the peer does not connect")
    with flow(site, "peer3") as flowing:
        time.sleep(1)
        server.apply(version(FEWER))
        applied = time.time()
        time.sleep(1)
    assert flowing.answers, "the flow ran before"
    assert flowing.answers[-1] < applied
    assert flowing.lost
    assert Peers(site).ping("peer3", "10.8.0.1", count=2) is None
    assert Peers(site).ping("peer0", "10.8.0.1", count=2)
    assert "peer removed: peer3 SHA256:" in server.sh("journalctl -t wireguard-vpn --no-pager -n 20")


BOTH = "wg-quick@wg0 wireguard-vpn-watch@wg0"


@pytest.mark.parametrize("mask", [f"mask {BOTH}", f"mask --now {BOTH}", f"mask --runtime {BOTH}", "mask wg-quick@"])
def test_a_masked_unit_keeps_no_removal_out(server: Live, mask: str) -> None:
    server.sh(f"systemctl {mask}")
    assert server.apply(version(FEWER))["removed"] == 1
    assert server.findings(version(FEWER)) == ()


@contextmanager
def altered(server: Live, how: str, back: str) -> Iterator[None]:
    """Alter what belongs to the server's units, and take that back."""
    try:
        server.sh(how)
        yield
    finally:
        server.sh(back)


def removes_all_the_same(server: Live, reason: str) -> None:
    """A peer's removal stays, and what is not in order is told."""
    done = server.push(version(FEWER))
    expected = {"removed": 1, "rolled_back": False, "reason": reason}
    assert server.report(done) == server.report(done) | expected


def overridden(server: Live, service: str) -> AbstractContextManager[None]:
    """Override settings of the service as `systemctl edit` does."""
    write = f"mkdir {OVERRIDES}; printf '[Service]\n{service}\n' >{OVERRIDES}/override.conf"
    return altered(server, f"{write}; systemctl daemon-reload", "systemctl revert wg-quick@wg0")


def test_a_unit_that_cannot_be_enabled_keeps_no_removal_out(server: Live) -> None:
    place = "/etc/systemd/system/wg-quick@wg0.service"
    cut = f"systemctl disable wg-quick@wg0; sed '/Install/,$d' /lib/systemd/system/wg-quick@.service >{place}"
    with altered(server, f"{cut}; systemctl daemon-reload", f"rm {place}; systemctl daemon-reload"):
        removes_all_the_same(server, "wg-quick@wg0.service is not enabled")


def test_an_address_that_comes_back_keeps_no_removal_out(server: Live) -> None:
    with overridden(server, "ExecStartPost=ip address add 192.168.77.1/24 dev wg0"):
        server.sh("systemctl restart wg-quick@wg0")
        removes_all_the_same(server, "an unknown address 192.168.77.1/24 is on wg0")


def test_what_systemctl_edit_writes_does_not_overrule_ours(server: Live) -> None:
    """Drop-ins count in the order of their names, whatever directory they are in."""
    with overridden(server, "Restart=no"):
        assert server.sh("systemctl show --property Restart --value wg-quick@wg0") == "on-failure"


@pytest.mark.parametrize("save_config", [True, False])
def test_after_a_restart_the_server_speaks_first(server: Live, site: Site, *, save_config: bool) -> None:
    Peers(site).ping("peer1", "10.8.0.1", count=1)
    server.apply(version(save_config=save_config))
    server.sh("/usr/local/lib/wireguard-vpn/endpoints save wg0")
    began = int(server.sh("date +%s"))
    time.sleep(1.1)
    with idle(site, "peer1"):
        assert server.apply(version(save_config=save_config, mtu=1400))["change"] == "interface"
        eventually(lambda: server.handshake("peer1") > began, "the server did not speak")


def test_after_a_reboot_the_server_speaks_first(server: Live, site: Site, containers: Containers) -> None:
    Peers(site).ping("peer1", "10.8.0.1", count=1)
    began = int(server.sh("date +%s"))
    with idle(site, "peer1"):
        containers.shutdown(VMID)
        containers.start(VMID)
        await_ssh(site)
        eventually(lambda: server.handshake("peer1") > began, "the server did not speak")
    assert server.findings(version()) == ()


def test_a_name_that_does_not_resolve_costs_only_its_own_peer(server: Live, site: Site) -> None:
    wanted = version((*NAMES, "peer6"), endpoints={"peer6": "site.invalid:51820"})
    assert server.apply(wanted)["change"] == "peers"
    assert "endpoint site.invalid does not resolve" in server.sh("journalctl -t wireguard-vpn --no-pager -n 20")
    server.sh("systemctl restart wg-quick@wg0")
    assert server.findings(wanted) == ()
    eventually(lambda: Peers(site).ping("peer0", "10.8.0.1", count=1), "the others are cut off")
    server.sh("echo 198.51.100.9 site.invalid >>/etc/hosts; /usr/local/lib/wireguard-vpn/names follow wg0")
    try:
        assert "198.51.100.9:51820" in server.sh("wg show wg0 endpoints")
        assert server.findings(wanted) == ()
    finally:
        server.sh("sed -i '/site.invalid/d' /etc/hosts")


def test_a_push_that_cannot_start_rolls_back_and_the_old_state_runs(server: Live, site: Site) -> None:
    server.sh(f"cat > /root/squatter <<'END'\n{SQUATTER}\nEND\nsystemd-run --unit=squatter perl /root/squatter")
    eventually(lambda: ":51999" in server.sh("ss -lun"), "the port is not taken")
    try:
        done = server.push(version(listen_port=51999))
    finally:
        server.run("systemctl stop squatter")
    assert done.status == 1
    assert server.report(done)["rolled_back"] is True
    assert "rolled back to the last good version, which is running" in done.stderr
    assert server.findings(version()) == ()
    eventually(lambda: Peers(site).ping("peer0", "10.8.0.1", count=1), "the peer is not back")
    assert private_key("server") not in done.stdout + done.stderr + server.sh("journalctl --no-pager -n 400")


def test_an_emptied_file_is_not_loaded_by_a_reload(server: Live) -> None:
    before = server.sh("wg show wg0 peers | wc -l")
    server.sh("cp /etc/wireguard/wg0.conf /root/kept; : > /etc/wireguard/wg0.conf")
    done = server.run("systemctl reload wg-quick@wg0")
    server.sh("mv /root/kept /etc/wireguard/wg0.conf")
    assert done.status != 0
    assert server.sh("wg show wg0 peers | wc -l") == before
    server.sh("systemctl reload wg-quick@wg0")
    assert server.findings(version()) == ()


def test_two_applies_at_once_wait_for_each_other(server: Live) -> None:
    reports = []
    threads = [
        threading.Thread(target=lambda wanted=wanted: reports.append(server.apply(wanted)))
        for wanted in (version(FEWER), version(FEWER))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(report["change"] for report in reports) == ["none", "peers"]
    assert server.findings(version(FEWER)) == ()


def test_handshakes_are_in_the_journal_with_names(server: Live) -> None:
    def told() -> bool:
        return "handshake: peer0 SHA256:" in server.sh("journalctl -t wireguard-vpn --no-pager")

    eventually(told, "no handshake in the journal", timeout=40)


def test_an_interface_that_vanishes_comes_back(server: Live, site: Site) -> None:
    server.sh("pkill wireguard-go")
    eventually(lambda: server.run("wg show wg0").status == 0, "it stays away", timeout=90)
    eventually(lambda: Peers(site).ping("peer0", "10.8.0.1", count=1), "the peer is not back")
    assert server.findings(version()) == ()


def test_retire_gives_up_before_its_caller_does(server: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = rendering.static
    wait = re.search(rb"flock -w ([0-9]+)", whole("server/retire"))
    assert wait
    assert int(wait[1]) < RETIRE_SECONDS
    monkeypatch.setattr(rendering, "static", lambda path: whole(path).replace(wait[0], b"flock -w 0"))
    server.sh(f"systemd-run --unit=holder flock {LOCK} sleep 600")
    try:
        eventually(lambda: server.run(f"flock -n {LOCK} true").status, "nobody holds the lock")
        done = server.run(bundle.bootstrap("retire"), bundle.pack_tool("retire", bundle.expectation(version())))
    finally:
        server.sh("systemctl stop holder")
    assert (done.status, done.stderr.strip()) == (1, "an apply is still running")
    assert server.findings(version()) == ()


def test_retire_leaves_nothing_of_ours(server: Live) -> None:
    expected = bundle.expectation(version())
    done = server.run(bundle.bootstrap("retire"), bundle.pack_tool("retire", expected))
    assert done.status == 0, done.stderr
    left = (
        "find /etc /usr/local /var/lib /run -path '*wireguard-vpn*' -not -path /run/wireguard-vpn.lock;"
        "ls /etc/wireguard; nft list tables"
    )
    assert server.sh(left) == ""
    assert server.run("wg show wg0").status != 0
    server.apply(version())
    assert server.findings(version()) == ()
