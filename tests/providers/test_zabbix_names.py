"""Whose host and template it is, by ids, marks and both kinds of names: over made-up answers of Zabbix."""

import json
from typing import Any

import httpx
import pytest

from clients.zabbix import Zabbix
from providers import connections
from providers.base import Failure
from providers.zabbix import RegistrationProvider, ReservationProvider

MARK = "wireguard-vpn/test/0123456789abcdef"
OURS = [{"tag": "pulumi", "value": MARK}]
NAME, TEMPLATE = "wireguard", "WireGuard VPN wireguard"
PROPS = {
    "frontend": "https://zabbix",
    "mark": MARK,
    "host": NAME,
    "template_name": TEMPLATE,
    "host_group": "VPN",
    "address": "192.168.20.90",
}


def host(id_: str, name: str, shown: str = "", tags: Any = ()) -> dict[str, Any]:
    """Return a host as host.get describes it."""
    return {
        "hostid": id_, "host": name, "name": shown or name, "description": "", "status": "0", "tls_connect": "2",
        "tls_accept": "2", "interfaces": [], "hostgroups": [], "parentTemplates": [], "tags": list(tags), "macros": [],
    }  # fmt: skip


def template(id_: str, users: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a template as template.get describes it."""
    hosts = [{"hostid": each["hostid"], "name": each["name"]} for each in users]
    return {"templateid": id_, "host": TEMPLATE, "name": TEMPLATE, "tags": OURS, "hosts": hosts, "templates": []}


class MadeUp:
    """A Zabbix that answers from two lists; `hidden` are host names that its token may not see.

    `groups` tells whether it may see the groups, `super_admin` whether it sees all there is.
    """

    def __init__(self) -> None:
        self.hosts: list[dict[str, Any]] = []
        self.templates: list[dict[str, Any]] = []
        self.hidden: set[str] = set()
        self.groups = True
        self.super_admin = False
        self.calls: list[tuple[str, Any]] = []

    def connect(self, _: object = None) -> Zabbix:
        """Return a client of it."""
        return Zabbix("https://zabbix", "token", transport=httpx.MockTransport(self._answer))

    def called(self, method: str) -> list[Any]:
        """Return the parameters of every call of a method."""
        return [params for name, params in self.calls if name == method]

    def _answer(self, request: httpx.Request) -> httpx.Response:
        asked = json.loads(request.content)
        method, params = asked["method"], asked["params"]
        self.calls.append((method, params))
        if method.endswith("group.create") and not self.super_admin:
            said = {"code": -32602, "message": "Invalid params.", "data": f'No permissions to call "{method}".'}
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": said})
        if method == "host.create" and params and params["host"] in self.hidden:
            said = {
                "code": -32602,
                "message": "Invalid params.",
                "data": f'Host with the same name "{params["host"]}" already exists.',
            }
            return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "error": said})
        return httpx.Response(200, json={"jsonrpc": "2.0", "id": 1, "result": self._result(method, params)})

    def _result(self, method: str, params: Any) -> Any:
        answers: dict[str, Any] = {
            "apiinfo.version": "7.0.22",
            "hostgroup.get": [{"groupid": "2", "name": "VPN", "uuid": "", "hosts": "1"}] * self.groups,
            "templategroup.get": [{"groupid": "3", "name": "VPN", "uuid": "", "templates": "1"}] * self.groups,
            "configuration.export": json.dumps({"zabbix_export": {"version": "7.0", "templates": [{}]}}),
            "host.create": {"hostids": ["900"]},
        }
        if method == "host.get":
            return [each for each in self.hosts if _meant(each, "hostid", params)]
        if method == "template.get":
            return [each for each in self.templates if _meant(each, "templateid", params)]
        return answers.get(method, {})


def _meant(found: dict[str, Any], id_: str, params: dict[str, Any]) -> bool:
    by_name = all(found[key] in values for key, values in params.get("filter", {}).items())
    by_tag = all({"tag": t["tag"], "value": t["value"]} in found["tags"] for t in params.get("tags", ()))
    return by_name and by_tag and found[id_] in params.get(f"{id_}s", [found[id_]])


@pytest.fixture
def zabbix(monkeypatch: pytest.MonkeyPatch) -> MadeUp:
    """An empty Zabbix, to which the providers connect."""
    made = MadeUp()
    monkeypatch.setattr(connections, "zabbix", made.connect)
    return made


def refused(**changes: Any) -> dict[str, str]:
    """Return what a preview of the reservation refuses, by property."""
    return {each.property: each.reason for each in ReservationProvider().check({}, PROPS | changes).failures}


def test_a_visible_name_of_ours_does_not_make_the_template_anothers(zabbix: MadeUp) -> None:
    ours = host("10", NAME, "The VPN of the north", OURS)
    zabbix.hosts, zabbix.templates = [ours], [template("20", [ours])]
    ReservationProvider().delete(NAME, PROPS)
    assert zabbix.called("host.delete") == [["10"]]
    assert zabbix.called("template.delete") == [["20"]]


def test_a_template_that_another_host_has_too_is_kept_whatever_that_is_called(zabbix: MadeUp) -> None:
    ours, other = host("10", NAME, "Shown", OURS), host("11", "other", NAME)
    zabbix.hosts, zabbix.templates = [ours, other], [template("20", [ours, other])]
    with pytest.raises(Failure, match=f"also linked to {NAME}; unlink it there"):
        ReservationProvider().delete(NAME, PROPS)
    assert zabbix.called("host.delete") == []


def test_a_visible_name_that_is_taken_is_told_at_preview_even_when_adopting(zabbix: MadeUp) -> None:
    zabbix.hosts = [host("11", "other", NAME)]
    for adopt in (False, True):
        assert "visible name" in refused(adopt=adopt)["hostname"]
    zabbix.hosts = [host("10", NAME, "Shown", OURS)]
    assert refused(adopt=True) == {}


def test_a_name_taken_by_a_host_out_of_sight_is_told_so(zabbix: MadeUp) -> None:
    zabbix.templates, zabbix.hidden = [template("20", [])], {NAME}
    with pytest.raises(Failure, match="taken, perhaps by a host that this token may not see"):
        RegistrationProvider().create(PROPS)


def test_in_another_zabbix_a_host_that_happens_to_have_our_id_is_left_alone(zabbix: MadeUp) -> None:
    zabbix.hosts, zabbix.templates = [host("10", "somebody's")], [template("20", [])]
    provider, moved = RegistrationProvider(), PROPS | {"frontend": "https://zabbix-2"}
    assert provider.diff("10", PROPS, moved).changes
    assert provider.read("10", PROPS).id == ""
    assert "hostid=900" in str(provider.update("10", PROPS, moved).outs)
    provider.delete("10", moved)
    assert zabbix.called("host.update") == []


def test_of_two_hosts_with_our_mark_ours_is_the_one_with_our_id(zabbix: MadeUp) -> None:
    zabbix.hosts = [host("9", "clone", tags=OURS), host("10", "renamed", tags=OURS)]
    zabbix.templates = [template("20", zabbix.hosts)]
    for id_, name in (("10", "renamed"), ("9", "clone"), ("77", "clone")):
        assert f"'host': '{name}'" in str(RegistrationProvider().read(id_, PROPS).outs)


def test_a_token_that_does_not_see_the_group_neither_forgets_nor_spares_in_silence(zabbix: MadeUp) -> None:
    zabbix.groups = False
    for act in (RegistrationProvider().read, RegistrationProvider().delete, ReservationProvider().delete):
        with pytest.raises(Failure, match="may not write to the host group 'VPN', or it is gone"):
            act("10", PROPS)


def test_a_template_out_of_sight_keeps_its_host(zabbix: MadeUp) -> None:
    zabbix.hosts, zabbix.groups = [host("10", NAME, tags=OURS)], False
    with pytest.raises(Failure, match="may not write to the template group 'VPN'"):
        ReservationProvider().delete(NAME, PROPS)
    assert zabbix.called("host.delete") == []


def test_what_a_super_admin_does_not_see_is_gone(zabbix: MadeUp) -> None:
    zabbix.groups, zabbix.super_admin = False, True
    assert RegistrationProvider().read("10", PROPS).id == ""
    ReservationProvider().delete(NAME, PROPS)


def test_a_reservation_is_not_replaced_while_its_host_is_there(zabbix: MadeUp) -> None:
    """The engine asks for a replacement as for a first one, and ends the former afterwards: with the host."""
    zabbix.hosts = [host("10", NAME, tags=OURS)]
    assert "--replace" in refused()["zabbix_adopt"]
    assert refused(adopt=True) == {}
    assert ReservationProvider().check(PROPS, PROPS | {"host_group": "Another"}).failures == []
