"""The template and the agent's files: whose they are, what they may hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vpn import agent, rendering
from vpn.monitoring import (
    BACKUP_ITEM,
    MARK_TAG,
    TemplateIdentity,
    group_uuid,
    import_source,
    longest_backup_age,
    stable_uuid,
)

MARK = "wireguard-vpn/prod/0123456789abcdef"
PSK = "ab" * 32
TEMPLATE = rendering.static("zabbix/template.yaml").decode()


def source(name: str = "WireGuard VPN wireguard", mark: str = MARK, **options: Any) -> dict[str, Any]:
    """Return what Zabbix imports."""
    macros = options.pop("macros", {})
    made = import_source(TEMPLATE, TemplateIdentity(name, "VPN", mark), macros, **{"backup": False, **options})
    found: dict[str, Any] = json.loads(made)["zabbix_export"]
    return found


def uuids(node: object) -> list[str]:
    """Return every UUID in what Zabbix imports."""
    if isinstance(node, dict):
        own = [node["uuid"]] if "uuid" in node else []
        return own + [u for value in node.values() for u in uuids(value)]
    return [u for value in node for u in uuids(value)] if isinstance(node, list) else []


@given(st.text(min_size=1), st.text())
def test_uuids_are_of_version_four_as_zabbix_demands(mark: str, path: str) -> None:
    found = stable_uuid(mark, path)
    assert (len(found), found[12]) == (32, "4")
    assert found[16] in "89ab"
    assert found == stable_uuid(mark, path)


def test_uuids_are_unique_in_a_stack_and_between_stacks() -> None:
    ours, others = uuids(source()), uuids(source(mark=MARK.replace("prod", "lab")))
    assert len(set(ours + others)) == len(ours) + len(others)
    assert len(ours) > 30


def test_uuids_outlive_another_name() -> None:
    assert uuids(source()) == uuids(source("WireGuard VPN vpn"))


def test_name_is_everywhere_it_is_meant() -> None:
    text = json.dumps(source("WireGuard VPN elsewhere"))
    assert "/WireGuard VPN/" not in text
    assert '"host": "WireGuard VPN"' not in text
    assert "last(/WireGuard VPN elsewhere/wireguard.service)=1" in text


def test_mark_is_in_tag_and_description() -> None:
    template = source()["templates"][0]
    assert template["tags"] == [{"tag": MARK_TAG, "value": MARK}]
    assert template["description"].endswith(f"\npulumi: {MARK}")
    assert source()["groups"] == [{"uuid": group_uuid(MARK, "VPN"), "name": "VPN"}]


def test_macros_take_values_and_new_ones_are_added() -> None:
    template = source(macros={"{$WIREGUARD.PORT}": "443", "{$NEW}": "x"})["templates"][0]
    values = {macro["macro"]: macro["value"] for macro in template["macros"]}
    assert (values["{$WIREGUARD.PORT}"], values["{$NEW}"], values["{$WIREGUARD.INTERFACE}"]) == ("443", "x", "wg0")


def test_backup_is_asked_for_only_with_a_token() -> None:
    def item(found: dict[str, Any]) -> dict[str, Any]:
        return next(each for each in found["templates"][0]["items"] if each["key"] == BACKUP_ITEM)

    assert item(source())["status"] == "DISABLED"
    assert "status" not in item(source(backup=True))


@pytest.mark.parametrize(
    ("schedule", "age"),
    [
        ("daily", "30h"),
        ("02:30", "30h"),
        ("*/2:00", "30h"),
        ("hourly", "30h"),
        ("weekly", "8d"),
        ("mon..fri 21:00", "4d"),
        ("mon,thursday", "5d"),
        ("sat..mon 21:00", "6d"),
        ("Sun 03:00", "8d"),
        ("*-1 04:00", "32d"),
        ("quarterly", "93d"),
        ("semiannually", "185d"),
        ("yearly", "367d"),
        ("1-1", "367d"),
        ("*-2-29", "1462d"),
        ("*-1,15 02:30", "18d"),
        ("*-1/2", "3d"),
        ("*-*-*", "30h"),
        ("sat *-1..7 15:00", "36d"),
        ("mon..fri *-1..31 02:30", "4d"),
        ("2026-12-24", "367d"),
    ],
)
def test_a_backup_may_be_as_old_as_its_schedule_allows(schedule: str, age: str) -> None:
    assert longest_backup_age(schedule) == age


def test_every_item_depends_on_the_one_that_asks_the_server() -> None:
    template = source()["templates"][0]
    rule = template["discovery_rules"][0]
    dependent = [i for i in (*template["items"], rule, *rule["item_prototypes"]) if i.get("type") == "DEPENDENT"]
    assert {each["master_item"]["key"] for each in dependent} == {"wireguard.status"}
    asking = [each["key"] for each in template["items"] if each.get("type") != "DEPENDENT"]
    assert asking == ["wireguard.status", BACKUP_ITEM]


def test_every_dependency_names_an_existing_trigger() -> None:
    template = source()["templates"][0]
    triggers = [t for item in template["items"] for t in item.get("triggers", [])]
    prototypes = [t for p in template["discovery_rules"][0]["item_prototypes"] for t in p.get("trigger_prototypes", [])]
    known = {(t["name"], t["expression"], t.get("recovery_expression")) for t in triggers}
    needed = [d for t in (*triggers, *prototypes) for d in t.get("dependencies", [])]
    assert needed
    assert {(d["name"], d["expression"], d.get("recovery_expression")) for d in needed} <= known


def test_agent_serves_one_server_encrypted_and_denies_the_rest() -> None:
    lines = agent.config(agent.Agent("wireguard", "192.168.10.5", PSK)).splitlines()
    assert {"Server=192.168.10.5", "TLSAccept=psk", "DenyKey=*"} <= set(lines)
    assert lines[-1] == "DenyKey=*"
    assert {line for line in lines if line.startswith("AllowKey=")} == {
        "AllowKey=agent.ping",
        "AllowKey=agent.version",
        "AllowKey=wireguard.status",
    }


def test_only_the_key_file_holds_the_key() -> None:
    files = agent.files(agent.Agent("wireguard", "192.168.10.5", PSK))
    holders = [file for file in files if PSK.encode() in file.content]
    assert [(file.target, file.mode) for file in holders] == [(agent.PSK_FILE, "0640:zabbix")]
    assert PSK not in repr(files)


def test_another_key_has_another_identity() -> None:
    one, other = agent.psk_identity("wireguard", PSK), agent.psk_identity("wireguard", "cd" * 32)
    assert one != other
    assert PSK[:8] not in one
