"""The container's rules come to be what they should be from wherever they are; an administrator's stay."""

from collections.abc import Callable
from typing import Any

import pytest

from clients.proxmox import Proxmox
from providers import connections
from providers.firewall_rules import FirewallRulesProvider, RulesProps
from tests.lab_api.stand_ins import CT, Pve
from vpn.errors import ClientError

RULES = FirewallRulesProvider()
WIREGUARD = {"type": "in", "action": "ACCEPT", "enable": "1", "proto": "udp", "dport": "51820", "comment": "WireGuard"}
SSH = {**WIREGUARD, "proto": "tcp", "dport": "22", "source": "192.168.0.0/16", "comment": "SSH"}
BY_HAND = {**WIREGUARD, "dport": "161", "comment": "by hand"}
WANTED = RulesProps(node="pve", container_id=2090, rules=[WIREGUARD, SSH])


@pytest.fixture(autouse=True)
def connected(connect: Callable[[], Proxmox], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the provider talk to the stand-in."""
    monkeypatch.setattr(connections, "proxmox", connect)


def ports(node: Pve) -> list[str]:
    """Return the ports of the rules in their order."""
    return [rule["dport"] for rule in node.call("GET", f"{CT}/firewall/rules").data]


def add(node: Pve, rule: dict[str, str]) -> None:
    """Add a rule as an administrator would."""
    assert node.call("POST", f"{CT}/firewall/rules", **rule).status == 200


def test_rules_are_made_in_their_order_and_read_back_the_same(node: Pve) -> None:
    id_, made = RULES.on_create(WANTED)
    assert ports(node) == ["51820", "22"]
    assert RULES.on_read(id_, made) == made


def test_a_creation_that_broke_halfway_is_finished(node: Pve) -> None:
    add(node, SSH)
    RULES.on_create(WANTED)
    assert ports(node) == ["51820", "22"]


def test_what_is_so_is_not_written_again(written: list[str]) -> None:
    RULES.on_create(WANTED)
    written.clear()
    RULES.on_update("pve/2090", WANTED, WANTED.with_(instance="BC:24:11:00:00:02"))
    assert written == []


def test_an_old_port_goes_and_a_rule_never_shown_stays(node: Pve) -> None:
    RULES.on_create(WANTED)
    add(node, BY_HAND)
    RULES.on_update("pve/2090", WANTED, WANTED.with_(rules=[{**WIREGUARD, "dport": "51821"}, SSH]))
    assert ports(node) == ["51821", "22", "161"]


def test_nothing_that_is_let_in_is_dropped_meanwhile(written: list[str]) -> None:
    RULES.on_create(WANTED)
    written.clear()
    RULES.on_update("pve/2090", WANTED, WANTED.with_(rules=[WIREGUARD, {**SSH, "source": "192.168.10.0/24"}]))
    assert [line.split()[0] for line in written] == ["POST", "POST", "DELETE", "DELETE"]


def test_a_rule_added_by_hand_is_drift_and_goes_once_it_was_shown(node: Pve) -> None:
    id_, made = RULES.on_create(WANTED)
    add(node, BY_HAND)
    observed = RULES.on_read(id_, made)
    assert observed is not None
    assert RULES.on_diff(observed, WANTED) == {"rules"}
    RULES.on_update(id_, observed, WANTED)
    assert ports(node) == ["51820", "22"]


def test_a_rule_that_another_hand_adds_meanwhile_stays(node: Pve, monkeypatch: pytest.MonkeyPatch) -> None:
    """A rule has no name but its position, and a new one moves all others."""
    RULES.on_create(WANTED)
    delete = Proxmox.delete_firewall_rule
    hands = iter([BY_HAND])

    def late(api: Proxmox, *where: Any) -> None:
        for rule in hands:
            add(node, rule)
        delete(api, *where)

    monkeypatch.setattr(Proxmox, "delete_firewall_rule", late)
    changed = WANTED.with_(rules=[{**WIREGUARD, "dport": "51821"}, SSH])
    with pytest.raises(ClientError, match=r"digest|modified"):
        RULES.on_update("pve/2090", WANTED, changed)
    assert ports(node) == ["161", "51821", "22", "51820", "22"]
    RULES.on_update("pve/2090", WANTED, changed)
    assert sorted(ports(node)) == ["161", "22", "51821"]


def test_a_rule_that_another_hand_removed_meanwhile_is_not_missed(node: Pve, monkeypatch: pytest.MonkeyPatch) -> None:
    RULES.on_create(WANTED)
    make = Proxmox.add_firewall_rule

    def early(api: Proxmox, *where: Any) -> None:
        make(api, *where)
        if len(ports(node)) == 4:
            node.call("DELETE", f"{CT}/firewall/rules/2")

    monkeypatch.setattr(Proxmox, "add_firewall_rule", early)
    RULES.on_update("pve/2090", WANTED, WANTED.with_(rules=[{**WIREGUARD, "dport": "51821"}, SSH]))
    assert ports(node) == ["51821", "22"]


def test_of_rules_without_a_comment_only_the_shown_one_goes(node: Pve) -> None:
    id_, made = RULES.on_create(WANTED)
    bare = {name: value for name, value in BY_HAND.items() if name != "comment"}
    add(node, bare)
    observed = RULES.on_read(id_, made)
    assert observed is not None
    add(node, {**bare, "dport": "162"})
    RULES.on_update(id_, observed, WANTED)
    assert ports(node) == ["51820", "22", "162"]


def test_a_rule_switched_off_by_hand_is_drift(node: Pve) -> None:
    id_, made = RULES.on_create(WANTED)
    node.call("PUT", f"{CT}/firewall/rules/0", enable=0)
    assert RULES.on_read(id_, made) != made


def test_ours_go_with_the_resource_and_a_container_that_is_gone_is_no_error(node: Pve) -> None:
    RULES.on_create(WANTED)
    add(node, BY_HAND)
    RULES.on_delete("pve/2090", WANTED)
    assert ports(node) == ["161"]
    node.done(node.call("DELETE", CT))
    assert RULES.on_read("pve/2090", WANTED) is None
    RULES.on_delete("pve/2090", WANTED)


@pytest.mark.parametrize("edit", [{"log": "info"}, {"proto": "icmp", "dport": "", "icmp-type": "echo-request"}])
def test_what_a_hand_changed_in_a_rule_of_ours_is_drift_and_put_back(node: Pve, edit: dict[str, str]) -> None:
    id_, made = RULES.on_create(WANTED)
    changed = {name: value for name, value in (WIREGUARD | edit).items() if value}
    node.call("DELETE", f"{CT}/firewall/rules/0")
    add(node, changed)
    observed = RULES.on_read(id_, made)
    assert observed is not None
    assert observed.rules == [changed, SSH]
    RULES.on_update(id_, observed, WANTED)
    assert RULES.on_read(id_, WANTED) == WANTED


def test_no_log_is_as_good_as_nothing_said_of_it(node: Pve) -> None:
    """Proxmox VE's own interface writes it into every rule it touches."""
    id_, made = RULES.on_create(WANTED)
    node.call("PUT", f"{CT}/firewall/rules/0", log="nolog")
    assert RULES.on_read(id_, made) == made
