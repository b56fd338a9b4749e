"""Rules go in at the top, mean something, and reach the container only when all three switches are on."""

from dataclasses import replace
from typing import Any

import pytest

from lab.firewall import Accept, Filter
from tests.lab_api.stand_ins import CT, Pve

RULES = f"{CT}/firewall/rules"
WIREGUARD = {"action": "ACCEPT", "type": "in", "enable": 1, "proto": "udp", "dport": "51820"}


def comments(pve: Pve) -> list[str]:
    return [rule["comment"] for rule in pve.call("GET", RULES).data]


def test_new_rule_goes_in_at_position_0_and_can_be_moved(pve: Pve) -> None:
    pve.container()
    for name in ("c", "b", "a"):
        pve.call("POST", RULES, **WIREGUARD, comment=name, dest="", sport="", macro="")
    assert comments(pve) == ["a", "b", "c"]
    pve.call("PUT", f"{RULES}/0", moveto=3)
    assert comments(pve) == ["b", "c", "a"]
    pve.call("PUT", f"{RULES}/2", moveto=1)
    assert comments(pve) == ["b", "a", "c"]
    pve.call("DELETE", f"{RULES}/0")
    assert comments(pve) == ["a", "c"]


def test_position_is_a_string_alone_and_a_number_in_the_list(pve: Pve) -> None:
    pve.container()
    pve.call("POST", RULES, **WIREGUARD)
    assert pve.call("GET", f"{RULES}/0").data["pos"] == "0"
    assert pve.call("GET", RULES).data[0]["pos"] == 0
    assert pve.call("GET", f"{RULES}/1").message == "no rule at position 1"


def test_fields_are_changed_and_deleted(pve: Pve) -> None:
    pve.container()
    pve.call("POST", RULES, **WIREGUARD, comment="x", source="192.0.2.0/24")
    pve.call("PUT", f"{RULES}/0", dport="51821", delete="comment,source")
    rule = pve.call("GET", f"{RULES}/0").data
    assert rule["dport"] == "51821"
    assert not {"comment", "source"} & set(rule)


@pytest.mark.parametrize(
    ("changes", "parameter"),
    [
        ({"proto": ""}, "proto"),
        ({"macro": "Nonsense", "proto": "", "dport": ""}, "macro"),
        ({"action": "PERHAPS"}, "action"),
        ({"iface": "eth0"}, "iface"),
        ({"source": "+nowhere"}, "source"),
        ({"source": "300.0.0.0/8"}, "source"),
        ({"dport": "70000"}, "dport"),
        ({"type": "sideways"}, "type"),
    ],
)
def test_rule_that_means_nothing_is_refused(pve: Pve, changes: dict[str, Any], parameter: str) -> None:
    pve.container()
    answer = pve.call("POST", RULES, **(WIREGUARD | changes))
    assert (answer.status, list(answer.errors)) == (400, [parameter])


def test_all_three_switches_must_be_on(pve: Pve) -> None:
    pve.container(start=1)
    root = pve.root_ticket()
    key = (2090, "eth0")
    pve.call("POST", RULES, action="ACCEPT", type="in", enable=1, macro="ssh", source="192.168.0.0/16")
    pve.call("POST", RULES, **WIREGUARD)
    pve.call("POST", RULES, **(WIREGUARD | {"dport": "9", "enable": 0}))
    assert pve.driver.filters[key] is None
    pve.call("PUT", f"{CT}/firewall/options", enable=1)
    expected = Filter((Accept("udp", "51820"), Accept("tcp", "22", ("192.168.0.0/16",))))
    assert pve.driver.filters[key] == expected
    pve.call("PUT", "/cluster/firewall/options", root, enable=0)
    assert pve.driver.filters[key] is None
    pve.call("PUT", "/cluster/firewall/options", root, enable=1)
    assert pve.driver.filters[key] == expected
    pve.call("PUT", f"{CT}/firewall/options", policy_out="DROP")
    assert pve.driver.filters[key] == replace(expected, silent=True)
    net = pve.call("GET", f"{CT}/config").data["net0"].replace("firewall=1,", "")
    pve.call("PUT", f"{CT}/config", net0=net)
    assert pve.driver.filters[key] is None


def test_options_are_told_as_set_and_go_with_the_container(pve: Pve) -> None:
    pve.container()
    options = f"{CT}/firewall/options"
    pve.call("PUT", options, enable=1, policy_in="DROP", dhcp=0)
    found = pve.call("GET", options).data
    assert {name: found[name] for name in found if name != "digest"} == {"enable": 1, "policy_in": "DROP", "dhcp": 0}
    assert pve.call("PUT", options, enable=0, digest="0" * 40).status == 500
    pve.done(pve.call("DELETE", CT))
    assert set(pve.call("GET", options).data) == {"digest"}
    assert pve.call("GET", RULES).data == []
