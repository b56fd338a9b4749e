"""Create, no-op, changes by hand, adoption and removal, on both releases, through the plugin host."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from lab.services.zabbix_api import Api
from tests.providers.host import HostError
from tests.providers.zabbix.conftest import GROUP, MARK, Stack, config, inputs, newest, super_token
from tests.providers.zabbix.dump import dump
from tests.providers.zabbix.server import ZabbixServer
from vpn.agent import psk_identity
from vpn.monitoring import BACKUP_TOKEN_MACRO, group_uuid, template_name


def test_created_host_is_complete(stack: Stack) -> None:
    assert stack.check() == {}
    stack.up()
    host = stack.raw()
    assert (host["tls_connect"], host["tls_accept"], host["status"]) == ("2", "2", "0")
    assert {"tag": "pulumi", "value": MARK} in host["tags"]
    assert [i["ip"] for i in host["interfaces"]] == ["192.168.20.90"]
    assert [t["name"] for t in host["parentTemplates"]] == [template_name(host["host"])]
    keys = {i["key_"] for i in stack.api("item.get", {"hostids": [host["hostid"]], "output": ["key_"]})}
    assert {"wireguard.status", "wireguard.peers.active", "wireguard.port", "wireguard.cpu"} <= keys


def test_second_run_changes_nothing(stack: Stack) -> None:
    stack.up()
    before = dump(stack.api)
    assert stack.diff().changes is False
    stack.refresh()
    assert stack.diff().changes is False
    assert dump(stack.api) == before


@newest
def test_creating_again_finds_the_first(stack: Stack) -> None:
    """A run that died before its state was saved leaves no second host behind."""
    stack.up()
    first, before = stack.id, dump(stack.api)
    stack.id, stack.outs = "", {}
    stack.up()
    assert stack.id == first
    assert dump(stack.api) == before


Edit = Callable[[Api, dict[str, Any]], object]


def _template_id(api: Api) -> str:
    return str(api("template.get", {"filter": {"host": [template_name("wireguard.infra.local")]}})[0]["templateid"])


def _change_item(api: Api, _: dict[str, Any]) -> object:
    wanted = {"templateids": [_template_id(api)], "filter": {"key_": "wireguard.cpu"}, "output": ["itemid"]}
    return api("item.update", {"itemid": api("item.get", wanted)[0]["itemid"], "history": "1d"})


def _change_macro(api: Api, _: dict[str, Any]) -> object:
    macro = api("usermacro.get", {"hostids": [_template_id(api)], "filter": {"macro": "{$WIREGUARD.CPU.MAX}"}})
    return api("usermacro.update", {"hostmacroid": macro[0]["hostmacroid"], "value": "5"})


def _delete_trigger(api: Api, _: dict[str, Any]) -> object:
    found = api(
        "trigger.get",
        {"templateids": [_template_id(api)], "output": ["triggerid"], "search": {"description": "memory"}},
    )
    return api("trigger.delete", [found[0]["triggerid"]])


def _host(**fields: Any) -> Edit:
    return lambda api, host: api("host.update", {"hostid": host["hostid"], **fields})


EDITS: dict[str, tuple[str, Edit]] = {
    "renamed": ("host", _host(host="other")),
    "disabled": ("enabled", _host(status=1)),
    "description": ("description", _host(description="mine")),
    "mark": ("mark", _host(tags=[])),
    "unencrypted": ("psk_identity", _host(tls_connect=1, tls_accept=1)),
    "unlinked": (
        "template_name",
        lambda api, h: api(
            "host.update",
            {"hostid": h["hostid"], "templates": [], "templates_clear": [{"templateid": _template_id(api)}]},
        ),
    ),
    "address": (
        "address",
        lambda api, h: api(
            "hostinterface.update", {"interfaceid": h["interfaces"][0]["interfaceid"], "ip": "192.168.1.1"}
        ),
    ),
    "port": (
        "port",
        lambda api, h: api("hostinterface.update", {"interfaceid": h["interfaces"][0]["interfaceid"], "port": "10060"}),
    ),
    "item": ("template", _change_item),
    "macro": ("template", _change_macro),
    "trigger": ("template", _delete_trigger),
}


ROUNDS = (
    ("renamed", "address", "item"),
    ("disabled", "mark", "port", "macro"),
    ("description", "unencrypted", "trigger"),
    ("unlinked",),
)
"""Each edit once, several together where they do not hide each other."""


@pytest.mark.parametrize("names", ROUNDS, ids="-".join)
def test_edits_by_hand_are_seen_and_undone(stack: Stack, names: tuple[str, ...]) -> None:
    stack.up()
    good = dict(stack.outs)
    host = stack.raw()
    for name in names:
        EDITS[name][1](stack.api, host)
    stack.refresh()
    assert {key for key in good if stack.outs.get(key) != good[key]} == {EDITS[name][0] for name in names}
    assert stack.diff().changes
    stack.up()
    stack.refresh()
    assert stack.outs == good


def test_every_edit_is_tried() -> None:
    assert sorted(chain(*ROUNDS)) == sorted(EDITS)


@newest
def test_preview_names_the_edited_part(stack: Stack) -> None:
    stack.up()
    _change_item(stack.api, {})
    stack.refresh()
    assert stack.outs["template"] == "changed in Zabbix: items wireguard.cpu"


@newest
def test_deleted_host_is_seen_and_made_again(stack: Stack) -> None:
    stack.up()
    stack.api("host.delete", [stack.id])
    stack.refresh()
    assert stack.id == ""
    stack.up()
    assert stack.raw()["hostid"] == stack.id


def test_deleted_template_is_seen_and_made_again(stack: Stack) -> None:
    stack.up()
    stack.api("template.delete", [_template_id(stack.api)])
    stack.refresh()
    assert stack.outs["template"] == "changed in Zabbix: deleted"
    stack.up()
    stack.refresh()
    assert stack.diff().changes is False


@newest
def test_what_others_added_stays(stack: Stack) -> None:
    stack.up()
    others = {
        "tags": [*stack.raw()["tags"], {"tag": "site", "value": "north"}],
        "macros": [{"macro": "{$SITE}", "value": "north"}],
    }
    stack.api("host.update", {"hostid": stack.id, **others})
    stack.refresh()
    assert stack.diff().changes is False
    stack.inputs["address"] = "192.168.20.91"
    stack.up()
    host = stack.raw()
    assert {"tag": "site", "value": "north"} in host["tags"]
    assert [m["macro"] for m in host["macros"]] == ["{$SITE}"]


@newest
def test_new_key_and_name_change_in_place(stack: Stack) -> None:
    stack.up()
    first, key = stack.id, "d00d" * 16
    stack.inputs = inputs("vpn.example.org", psk=key, psk_identity=psk_identity("vpn.example.org", key))
    assert stack.diff().replaces == ()
    stack.up()
    assert (stack.id, stack.raw()["hostid"]) == (first, first)


def test_backup_token_comes_and_goes_hidden(stack: Stack) -> None:
    stack.inputs["backup_token"] = "monitor@pbs!zabbix:0123"
    stack.up()
    macro = stack.raw()["macros"][0]
    assert (macro["macro"], macro["type"], macro.get("value")) == (BACKUP_TOKEN_MACRO, "1", None)
    del stack.inputs["backup_token"]
    stack.up()
    assert stack.raw()["macros"] == []


@pytest.mark.parametrize("kind", ["host", "template"])
def test_taken_name_is_refused_and_adopted(stack: Stack, kind: str) -> None:
    _make_foreign(stack.api, kind, stack.inputs)
    before = dump(stack.api)
    assert "not ours" in stack.check()["zabbix_adopt"]
    with pytest.raises(HostError, match="not ours"):
        stack.up()
    assert dump(stack.api) == before
    stack.inputs["adopt"] = True
    assert stack.check() == {}
    stack.up()
    stack.refresh()
    assert stack.diff().changes is False
    assert {"tag": "pulumi", "value": MARK} in stack.raw()["tags"]


def _make_foreign(api: Api, kind: str, wanted: dict[str, Any]) -> None:
    hosts = api("hostgroup.get", {"filter": {"name": GROUP}})[0]["groupid"]
    if kind == "host":
        api("host.create", {"host": wanted["host"], "groups": [{"groupid": hosts}]})
        return
    own = "templategroup.get" if api.has_template_groups else "hostgroup.get"
    group = api(own, {"filter": {"name": GROUP}})[0]["groupid"]
    template = api("template.create", {"host": wanted["template_name"], "groups": [{"groupid": group}]})
    item = {"name": "foreign", "key_": "wireguard.cpu", "type": 2, "value_type": 3}
    api("item.create", {**item, "hostid": template["templateids"][0]})


def test_shared_template_is_not_deleted(stack: Stack) -> None:
    stack.up()
    group = stack.api("hostgroup.get", {"filter": {"name": GROUP}})[0]["groupid"]
    other: dict[str, Any] = {
        "host": "another",
        "groups": [{"groupid": group}],
        "templates": [{"templateid": _template_id(stack.api)}],
    }
    interface = {"type": 1, "main": 1, "useip": 1, "ip": "127.0.0.1", "dns": "", "port": "1"}
    other_id = stack.api("host.create", {**other, "interfaces": [interface]})["hostids"][0]
    with pytest.raises(HostError, match="also linked to another"):
        stack.destroy()
    assert stack.raw()["status"] == "1"
    stack.api("host.delete", [other_id])
    stack.destroy()


def test_destroy_leaves_zabbix_as_it_was(stack: Stack) -> None:
    before = dump(stack.api)
    stack.up()
    assert dump(stack.api) != before
    stack.destroy()
    assert dump(stack.api) == before


@newest
def test_destroy_of_what_is_gone_succeeds(stack: Stack) -> None:
    before = dump(stack.api)
    stack.up()
    stack.api("host.delete", [stack.id])
    stack.destroy()
    assert dump(stack.api) == before


@newest
def test_destroy_spares_what_lost_our_mark(stack: Stack) -> None:
    stack.up()
    stack.api("host.update", {"hostid": stack.id, "tags": []})
    with pytest.raises(HostError, match="also linked to wireguard"):
        stack.destroy()
    assert stack.raw()["status"] == "0"


def test_groups_we_made_go_and_others_stay(server: ZabbixServer, stack: Stack) -> None:
    """With a super admin's token the program makes missing groups, known again by their UUID."""
    before = dump(stack.api)
    stack.configure(config(server, zabbix_token=super_token(server.api)))
    stack.inputs = inputs(host_group="VPN of our own")
    stack.up()
    made = stack.api("hostgroup.get", {"filter": {"name": ["VPN of our own"]}})
    assert [group["uuid"] for group in made] == [group_uuid(MARK, "VPN of our own")]
    stack.inputs = inputs()
    stack.up()
    stack.destroy()
    assert dump(stack.api) == before


@newest
def test_two_stacks_share_nothing(stack: Stack) -> None:
    stack.up()
    ours = dump(stack.api)
    mark = MARK.replace("test", "other")
    other = Stack(stack.api, inputs("vpn.example.org", mark=mark))
    other.host = stack.host
    other.up()
    other.destroy()
    assert dump(stack.api) == ours
