"""Tokens: checked early with one clear message each, rotated freely, and never where they need not be."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from lab.services.zabbix_api import DEPLOY_METHODS, Api, deploy_token, ensure_groups
from tests.faults.proxy import FaultyProxy, Recorded
from tests.providers.host import Host, HostError
from tests.providers.zabbix.conftest import GROUP, PSK, REGISTRATION, RESERVATION, Stack, config, inputs, newest
from tests.providers.zabbix.dump import dump
from tests.providers.zabbix.server import ZabbixServer

BACKUP_TOKEN = "monitor@pbs!zabbix:7d1f7d8e-0000-4000-8000-000000000001"


def test_wrong_token_is_refused_at_preview(server: ZabbixServer, stack: Stack) -> None:
    stack.configure(config(server, zabbix_token="0" * 64))
    refused = stack.check()
    assert set(refused) == {"zabbix_token"}
    assert "Zabbix: the API token is not accepted: wrong, expired or disabled" in refused["zabbix_token"]


@newest
def test_missing_credentials_are_named(stack: Stack) -> None:
    stack.configure({})
    assert set(stack.check()) == {"zabbix_url", "zabbix_token"}


def test_rotated_token_serves_every_operation(server: ZabbixServer, stack: Stack) -> None:
    stack.up()
    fresh = deploy_token(server.api, ensure_groups(server.api, GROUP))
    old = server.api("token.get", {"output": ["tokenid"], "sortfield": "tokenid"})[0]["tokenid"]
    server.api("token.update", {"tokenid": old, "status": 1})
    try:
        with pytest.raises(HostError, match="not accepted"):
            stack.refresh()
        stack.configure(config(server, zabbix_token=fresh))
        assert stack.diff().changes is False
        stack.refresh()
        stack.destroy()
    finally:
        server.api("token.update", {"tokenid": old, "status": 0})


def test_one_missing_permission_is_named_at_preview(server: ZabbixServer, stack: Stack) -> None:
    """That by which anything is seen at all."""
    with _role(server.api, {each for each in _allowed(server.api) if each != "host.get"}):
        assert "does not allow host.get (" in stack.check()["zabbix_token"]


def test_all_missing_permissions_are_named_at_once(server: ZabbixServer, stack: Stack) -> None:
    allowed = _allowed(server.api)
    with _role(server.api, {"host.get"}):
        said = stack.check()["zabbix_token"]
    named = said.partition("does not allow ")[2].partition(" (")[0].split(", ")
    assert {*named} == {*allowed} - {"host.get"}
    assert {*named} >= {*DEPLOY_METHODS} - {"host.get"}


def test_read_only_group_is_refused_at_preview(server: ZabbixServer, stack: Stack) -> None:
    team = server.api("usergroup.get", {"filter": {"name": "WireGuard VPN deploy"}})[0]["usrgrpid"]
    groups = ensure_groups(server.api, GROUP)
    rights = "hostgroup_rights" if server.api.has_template_groups else "rights"
    server.api("usergroup.update", {"usrgrpid": team, rights: [{"id": groups.hosts, "permission": 2}]})
    try:
        assert "may write to" in stack.check()["zabbix_host_group"]
    finally:
        server.api("usergroup.update", {"usrgrpid": team, rights: [{"id": groups.hosts, "permission": 3}]})


def _allowed(api: Api) -> list[str]:
    return list(_deploy_role(api)["rules"]["api"])


def _deploy_role(api: Api) -> dict[str, Any]:
    wanted = {"filter": {"name": "WireGuard VPN deploy"}, "output": ["roleid"], "selectRules": "extend"}
    return dict(api("role.get", wanted)[0])


@contextmanager
def _role(api: Api, methods: set[str]) -> Iterator[None]:
    """Allow the deploying token only these methods for a while."""
    role, before = _deploy_role(api)["roleid"], _allowed(api)
    change = {"roleid": role, "rules": {"api.access": 1, "api.mode": 1}}
    api("role.update", {**change, "rules": {**change["rules"], "api": sorted(methods)}})
    try:
        yield
    finally:
        api("role.update", {**change, "rules": {**change["rules"], "api": before}})


@pytest.fixture
def proxy(server: ZabbixServer, stack: Stack) -> Iterator[FaultyProxy]:
    """A proxy before Zabbix that records what the stack sends."""
    with FaultyProxy(server.url) as between:
        stack.configure(config(server, zabbix_url=between.url))
        yield between


def test_secrets_travel_only_where_they_must(server: ZabbixServer, stack: Stack, proxy: FaultyProxy) -> None:
    stack.inputs = inputs(backup_token=BACKUP_TOKEN)
    stack.check()
    stack.up()
    stack.refresh()
    stack.inputs["address"] = "192.168.20.91"
    stack.up()
    assert server.token not in json.dumps(stack.outs)
    stack.destroy()
    assert len(proxy.requests) > 20
    for request in proxy.requests:
        body = _without_needed_secrets(request, server)
        assert not any(secret in body for secret in (server.token, PSK, BACKUP_TOKEN)), request.body


def _without_needed_secrets(request: Recorded, server: ZabbixServer) -> str:
    """Return the body without what Zabbix demands in it: 6.0 its token, a host its key and hidden macro."""
    body = json.loads(request.body)
    if server.version == "6.0":
        body.pop("auth", None)
    if body["method"] in ("host.create", "host.update"):
        assert body["params"].pop("tls_psk", PSK) == PSK
        for macro in body["params"].get("macros", []):
            assert macro.pop("value", BACKUP_TOKEN) == BACKUP_TOKEN
            assert macro.get("type", 1) == 1
    headers = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
    return json.dumps([body, headers])


def test_no_op_preview_asks_nothing_and_refresh_little(stack: Stack, proxy: FaultyProxy) -> None:
    assert stack.check() == {}
    stack.up()
    proxy.requests.clear()
    checked, _ = stack.host.check(RESERVATION, stack.reservation, stack.reservation)
    assert stack.host.diff(RESERVATION, stack.reservation, checked).changes is False
    stack.host.check(REGISTRATION, stack.outs, stack.inputs)
    assert stack.diff().changes is False
    assert proxy.requests == []
    stack.refresh()
    assert len(proxy.requests) <= 4


@newest
def test_refusals_show_no_secret(server: ZabbixServer, stack: Stack) -> None:
    stack.inputs = inputs(address="not an address", backup_token=BACKUP_TOKEN)
    with pytest.raises(HostError) as refused:
        stack.host.create(REGISTRATION, stack.inputs)
    assert not any(secret in str(refused.value) for secret in (PSK, BACKUP_TOKEN, server.token))


@newest
def test_plugin_prints_no_secret(server: ZabbixServer) -> None:
    with Host({"PYTHONDEVMODE": "1"}) as host:
        host.configure(config(server, zabbix_token="f00d" * 16))
        host.check(RESERVATION, {}, Stack(server.api, inputs()).reservation)
    assert "f00d" * 16 not in host.stderr


def test_a_token_that_lost_sight_of_the_group_is_told_so(server: ZabbixServer, stack: Stack) -> None:
    stack.up()
    before = dump(server.api)
    team = server.api("usergroup.get", {"filter": {"name": "WireGuard VPN deploy"}})[0]["usrgrpid"]
    groups = ensure_groups(server.api, GROUP)
    kinds = ("hostgroup_rights", "templategroup_rights") if server.api.has_template_groups else ("rights",)
    server.api("usergroup.update", {"usrgrpid": team, **{kind: [] for kind in kinds}})
    try:
        for act in (stack.refresh, stack.destroy):
            with pytest.raises(HostError, match=f"may not write to the host group '{GROUP}'"):
                act()
    finally:
        given = [{"id": groups.hosts, "permission": 3}, {"id": groups.templates, "permission": 3}]
        server.api("usergroup.update", {"usrgrpid": team, **dict(zip(kinds, ([each] for each in given), strict=False))})
    assert dump(server.api) == before
    stack.destroy()
