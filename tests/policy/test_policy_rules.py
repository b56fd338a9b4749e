"""Each rule with stacks that break it; the sound stack breaks none."""

import datetime as dt
import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from policy.resources import Resource
from policy.rule import Limits
from policy.rules import EMBEDDING, NARROWEST_WILDCARD, RULES
from policy.secret_rules import SECRET_CONFIG
from tests.policy.stack import LET_IN, LIMITS, NOW, PRIVATE, SSH, config, peer, said, sound, with_, without
from vpn.settings import KNOWN_KEYS, networks
from vpn.settings.build import SECRET_KEYS


@pytest.mark.parametrize("rule", [each.name for each in RULES])
def test_a_sound_stack_keeps_the_rule(rule: str) -> None:
    assert said(rule, [*sound().values()]) == []


def test_the_secret_config_keys_are_the_program_s() -> None:
    assert set(SECRET_CONFIG) == SECRET_KEYS & set(KNOWN_KEYS)


def test_a_wildcard_is_what_the_program_refuses() -> None:
    assert NARROWEST_WILDCARD == networks.NARROWEST_WILDCARD


def test_ipv4_is_embedded_where_the_program_knows_it_to_be() -> None:
    assert EMBEDDING == networks.EMBEDDING


BROKEN: list[tuple[str, list[Resource], str]] = [
    ("unprivileged", with_("container", unprivileged=False), "unprivileged"),
    ("unprivileged", with_("container", unprivileged=None), "unprivileged"),
    ("nesting-only", with_("container", features={"nesting": False}), "nesting"),
    ("nesting-only", with_("container", features=None), "nesting"),
    ("nesting-only", with_("container", features={"nesting": True, "keyctl": True}), "keyctl"),
    ("nesting-only", with_("container", features={"nesting": True, "mounts": ["nfs"]}), "mounts"),
    ("nesting-only", with_("container", mountPoints=[{"volume": "/etc", "path": "/mnt"}]), "mount points"),
    ("nesting-only", with_("container", template=True), "the mark of a template"),
    ("nesting-only", with_("container", devicePassthroughs=[{"path": "/dev/kvm"}]), "/dev/kvm"),
    ("nesting-only", with_("container", hookScriptFileId="local:snippets/x"), "hook script"),
    ("interface-filtered", with_("container", networkInterfaces=[{"name": "eth0", "firewall": False}]), "eth0"),
    ("interface-filtered", with_("container", networkInterfaces=[{"name": "eth0"}]), "eth0"),
    ("default-drop", with_("firewall-options", enabled=False), "enabled"),
    ("default-drop", with_("firewall-options", inputPolicy="ACCEPT"), "DROP"),
    ("firewall-narrow", with_("firewall-rules", rules=[{**LET_IN, "dport": ""}]), "name the ports"),
    ("firewall-narrow", with_("firewall-rules", rules=[{**SSH, "source": ""}]), "name the networks"),
    (
        "firewall-narrow",
        with_("firewall-rules", rules=[{**SSH, "source": "10.0.0.0/8,0.0.0.0/0"}]),
        "name the networks",
    ),
    (
        "firewall-narrow",
        with_("firewall-rules", rules=[{**SSH, "proto": "", "dport": "", "comment": "all"}]),
        "the rule all",
    ),
    ("firewall-present", without("firewall-options"), "proxmox_firewall"),
    ("no-wildcard", with_("server-state", expectation=peer("0.0.0.0/0")), "mallory"),
    ("no-wildcard", with_("server-state", expectation=peer("::/0")), "::/0"),
    ("no-wildcard", with_("server-state", expectation=peer("128.0.0.0/1")), "128.0.0.0/1"),
    ("no-wildcard", with_("server-state", expectation=peer("10.0.0.0/7")), "10.0.0.0/7"),
    ("dmz-unreachable", with_("server-state", expectation=peer("172.16.0.0/12")), "mallory"),
    ("dmz-unreachable", with_("server-state", expectation=peer("64:ff9b::ac10:a40/122")), "64:ff9b::ac10:a40/122"),
    ("dmz-unreachable", with_("default", **{"wireguard-vpn:dmz_networks": "[]"}), "cut it off"),
    ("dmz-unreachable", without("default"), "cannot be seen"),
    ("container-protected", [replace(sound()["container"], protect=False)], "protect"),
    ("keys-protected", [replace(sound()["keyring"], protect=False)], "protect"),
    ("backed-up", without("backup"), "pbs_enabled"),
    ("backed-up", with_("backup", covered_by=[]), "no backup job"),
    ("monitored", without("monitoring"), "zabbix_enabled"),
    ("monitored", with_("monitoring", enabled=False), "disabled"),
    ("secrets-marked", with_("keyring", keys={"server": {"secret": PRIVATE}}), "keys must be marked"),
    ("secrets-marked", with_("monitoring", psk="00ff"), "psk must be marked"),
    ("secrets-marked", with_("default", **{"wireguard-vpn:netbox_token": "t"}), "netbox_token must be marked"),
    ("secrets-marked", with_("server-state", drift=[f"PrivateKey = {PRIVATE}"]), "a key in the clear"),
    ("secrets-marked", with_("container", description="-----BEGIN OPENSSH PRIVATE KEY-----"), "a key in the clear"),
]


@pytest.mark.parametrize(("rule", "found", "word"), BROKEN)
def test_a_broken_rule_is_told(rule: str, found: list[Resource], word: str) -> None:
    messages = said(rule, found)
    assert any(word in message for message in messages), messages
    assert PRIVATE not in "".join(messages)


def test_every_rule_has_a_case_that_breaks_it() -> None:
    assert {case[0] for case in BROKEN} | {"key-age"} == {each.name for each in RULES}


@pytest.mark.parametrize(
    ("destination", "broken"),
    [
        ("172.16.10.0/24", True),
        ("172.16.0.0/12", True),
        ("172.16.10.128/25", True),
        ("172.16.11.0/24", False),
        ("fd00:10::/64", False),
        ("64:ff9b::ac10:a05/128", True),
        ("64:ff9b::/96", True),
        ("64:ff9b::c0a8:0/112", False),
        ("::ffff:ac10:a00/120", True),
        ("2002:ac10:a05:1::/64", True),
        ("2002:ac00::/22", True),
        ("2002:ac10:b00::/40", False),
        ("2000::/3", False),
    ],
)
def test_a_route_may_not_touch_the_dmz_in_either_direction(destination: str, *, broken: bool) -> None:
    own = config(dmz_networks=["172.16.10.0/24"], routes=json.dumps([{"destination_network": destination}]))
    assert bool(said("dmz-unreachable", [own])) == broken
    dmz = tuple(ip_network(each) for each in LIMITS.dmz_networks)
    assert bool(networks.touched_dmz(ip_network(destination), dmz)) == broken


def test_another_site_names_its_own_dmz() -> None:
    own = config(dmz_networks='["10.99.0.0/16"]', routes="[]")
    assert said("dmz-unreachable", [own], Limits(NOW, dmz_networks=("10.99.1.0/24",))) == []
    assert said("dmz-unreachable", [own], Limits(NOW, dmz_networks=("10.98.0.0/24",)))


@pytest.mark.parametrize(
    ("days", "limit", "old"),
    [(0, None, False), (365, None, False), (366, None, True), (31, 30, True), (30, 30, False), (366, 1000, True)],
)
def test_a_key_is_too_old_the_day_after_the_smaller_age(days: int, *, limit: int | None, old: bool) -> None:
    made = (NOW - dt.timedelta(days=days)).isoformat()
    public: dict[str, Any] = {"server": {"public_key": "", "generated": made}}
    assert bool(said("key-age", with_("keyring", public=public), Limits(NOW, limit))) == old


def test_a_key_without_a_policy_ages_only_by_the_pack_s_limit() -> None:
    """And what has no generation to raise, as the stack's login, ages by none."""
    found = [*sound().values()]
    assert said("key-age", found) == []
    assert [message.split()[1] for message in said("key-age", found, Limits(NOW, 400))] == ["psk/alice"]


def test_where_marks_cannot_be_seen_nothing_is_said_of_secrets() -> None:
    unseen = [replace(each, marks=False) for each in with_("keyring", keys={"server": {"secret": PRIVATE}})]
    assert said("secrets-marked", unseen) == []


def test_what_preview_does_not_know_is_not_held_against_a_stack() -> None:
    bare = [replace(each, props={}) if each.name in ("server-state", "backup") else each for each in sound().values()]
    for rule in ("no-wildcard", "dmz-unreachable"):
        assert said(rule, bare, LIMITS) == []


def test_that_no_job_covers_the_container_is_told_of_a_state_alone() -> None:
    planned = [replace(each, marks=False) for each in with_("backup", covered_by=[])]
    assert said("backed-up", planned) == []


def test_the_tun_device_of_userspace_wireguard_is_no_foreign_device() -> None:
    assert said("nesting-only", with_("container", devicePassthroughs=[{"path": "/dev/net/tun"}])) == []
