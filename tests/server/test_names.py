"""Endpoints that are host names: one that does not resolve costs only its own peer, and silent peers are followed."""

import time
from fcntl import LOCK_EX, flock

import pytest

from tests.server.machine import SCRIPTS, TEAM, Machine, key, lasting

SITES = TEAM.but(endpoints={"alice": "a.example:51820", "bob": "b.example:4500"})


def resolving(machine: Machine, **addresses: str) -> None:
    """Say what resolves from now on; `a` stands for a.example."""
    (machine.home / "hosts").write_text("".join(f"{name}.example {address}\n" for name, address in addresses.items()))


def seen(machine: Machine, **peers: tuple[str, float]) -> None:
    """Say where a peer was last seen and how many seconds ago."""
    known = [(key(["alice", "bob"].index(name) + 1), *where) for name, where in peers.items()]
    (machine.home / "endpoints").write_text("".join(f"{public}\t{address}\n" for public, address, _ in known))
    (machine.home / "handshakes").write_text(
        "".join(f"{public}\t{int(time.time() - age)}\n" for public, _, age in known)
    )


@pytest.fixture
def sites(server: Machine) -> Machine:
    """A server whose two peers have names for endpoints, of which b.example does not resolve."""
    resolving(server, a="203.0.113.1")
    assert server.apply(SITES).report["ok"]
    assert lasting(server.calls()) == ["wg addconf wg0 changed.conf"]
    return server


def test_a_name_that_does_not_resolve_keeps_nobody_elses_change_back(sites: Machine) -> None:
    running = sites.running.read_text()
    assert "Endpoint = 203.0.113.1:51820" in running
    assert "b.example" not in running
    assert (
        sites.journal().count(
            "<4>endpoint b.example does not resolve: its peer has to speak first, or is followed once it does"
        )
        == 1
    )


def test_what_did_not_resolve_is_no_drift(sites: Machine) -> None:
    assert sites.apply(SITES).report["change"] == "none"
    assert lasting(sites.calls()) == []


def test_a_hand_changed_interface_comes_back_without_the_name(sites: Machine) -> None:
    sites.running.write_text(sites.running.read_text().replace("51820\n", "4444\n", 1))
    assert sites.apply(SITES).report["ok"]
    assert "\nEndpoint = b.example" not in sites.running.read_text()


def test_before_a_start_a_kept_endpoint_stands_in_for_the_name(sites: Machine) -> None:
    seen(sites, alice=("203.0.113.1:51820", 10), bob=("198.51.100.9:4500", 10))
    sites.run(SCRIPTS / "endpoints", "save", "wg0")
    outcome = sites.run(SCRIPTS / "endpoints", "merge", "wg0")
    assert outcome.status == 0
    lines = sites.config.read_text().splitlines()
    assert "Endpoint = 203.0.113.1:51820" in lines
    assert "# Endpoint = b.example:4500" in lines
    assert "Endpoint = 198.51.100.9:4500" in lines
    assert sites.config.stat().st_mode & 0o777 == 0o600


def test_wg_is_given_addresses_alone(server: Machine) -> None:
    """It would ask the resolver again, which may have gone by then."""
    resolving(server, a="203.0.113.1", b="2001:db8::b")
    file = server.place / "file.conf"
    file.write_text(
        "[Peer]\nEndpoint = a.example:51820 # Berlin\n[Peer]\nendpoint=b.example:4500\n"
        "[Peer]\nEndpoint = 198.51.100.1:1\n[Peer]\nEndpoint = [2001:db8::1]:1\n[Peer]\nEndpoint = gone.example:1\n"
    )
    outcome = server.run(SCRIPTS / "names", "settle", str(file))
    assert outcome.said.startswith("<4>endpoint gone.example does not resolve: ")
    assert outcome.said.count("\n") == 1
    assert file.read_text().replace("[Peer]\n", "").splitlines() == [
        "Endpoint = 203.0.113.1:51820",
        "Endpoint = [2001:db8::b]:4500",
        "Endpoint = 198.51.100.1:1",
        "Endpoint = [2001:db8::1]:1",
        "# Endpoint = gone.example:1",
    ]


def test_no_name_reaches_wg_in_any_kind_of_change(sites: Machine) -> None:
    """Whether the peers change, the interface starts, or the file is loaded again; the names stay to be followed."""
    resolving(sites, a="203.0.113.1", b="203.0.113.2")
    for version in (SITES, SITES.but(peers={"alice": key(1), "bob": key(9)}), SITES.but(port=52000)):
        assert sites.apply(version).report["ok"]
        sites.run(SCRIPTS / "endpoints", "merge", "wg0")
        sites.run(SCRIPTS / "reload", "wg0")
        assert ".example" not in sites.running.read_text() + sites.config.read_text()
    sites.calls()
    seen(sites, alice=("198.51.100.1:1", 500))
    assert len(follow(sites)) == 1


def follow(machine: Machine) -> list[str]:
    """Follow the silent peers; returns what was set."""
    outcome = machine.run(SCRIPTS / "names", "follow", "wg0")
    assert outcome.status == 0, outcome.said
    return lasting(machine.calls())


def test_a_silent_peer_is_followed_to_where_its_name_points(sites: Machine) -> None:
    resolving(sites, a="203.0.113.1", b="2001:db8::b")
    seen(sites, alice=("198.51.100.1:1", 100), bob=("(none)", 1e9))
    assert follow(sites) == [f"wg set wg0 peer {key(2).rpartition('/')[2]} endpoint [2001:db8::b]:4500"]


def test_who_is_there_already_or_talks_or_has_no_address_is_left_alone(sites: Machine) -> None:
    seen(sites, alice=("203.0.113.1:51820", 500), bob=("198.51.100.1:1", 500))
    assert follow(sites) == []
    resolving(sites, a="203.0.113.2")
    seen(sites, alice=("203.0.113.1:51820", 100))
    assert follow(sites) == []


def test_a_peer_removed_meanwhile_is_not_brought_back(sites: Machine) -> None:
    resolving(sites, a="203.0.113.2", b="203.0.113.3")
    seen(sites, alice=("203.0.113.1:51820", 500), bob=("198.51.100.1:1", 500))
    present = (sites.home / "endpoints").read_text()
    (sites.home / "endpoints").write_text("".join(line for line in present.splitlines(True) if key(2) not in line))
    assert follow(sites) == [f"wg set wg0 peer {key(1).rpartition('/')[2]} endpoint 203.0.113.2:51820"]


def test_an_apply_under_way_is_not_waited_for(sites: Machine) -> None:
    resolving(sites, a="203.0.113.2")
    seen(sites, alice=("203.0.113.1:51820", 500))
    with (sites.root / "run/wireguard-vpn.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        assert follow(sites) == []
    assert len(follow(sites)) == 1


def test_without_a_name_nobody_is_asked(server: Machine) -> None:
    (server.bin / "wg").unlink()
    (server.bin / "wg").write_text('#!/bin/sh\necho "wg $*" >>"$MACHINE/calls"\n')
    (server.bin / "wg").chmod(0o755)
    assert follow(server) == []


def test_a_resolver_that_does_not_answer_keeps_the_watch_from_nothing(sites: Machine) -> None:
    """Rules that are flushed while names are asked for are back before the answer is."""
    seen(sites, alice=("198.51.100.1:1", 500))
    asked, table = sites.home / "asked", sites.home / "table"
    for name, script in {
        "getent": f'rm {table}; touch {asked}; until [ -e {table} ]; do sleep 0.1; done; exec "$MACHINE/getent" "$@"',
        "sleep": f'[ "$1" = 15 ] || exec /bin/sleep "$@"\n'
        f'echo >>{sites.home}/rounds; [ "$(wc -l <{sites.home}/rounds)" -lt 4 ] || until [ -e {asked} ]; do :; done',
    }.items():
        if (sites.bin / name).exists():
            (sites.bin / name).rename(sites.home / name)
        (sites.bin / name).write_text(f"#!/bin/sh\n{script}\n")
        (sites.bin / name).chmod(0o755)
    outcome = sites.run(sites.root / "usr/local/lib/wireguard-vpn/watch", "wg0", "5")
    assert "the firewall rules are gone; loading them again" in outcome.said
    assert "<5>endpoint a.example of a silent peer is 203.0.113.1:51820" in sites.journal()
