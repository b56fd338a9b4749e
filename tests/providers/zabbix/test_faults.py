"""What breaks on the way: one clear error, and the next run converges without duplicates."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from clients.tls import Trust
from clients.zabbix import Zabbix
from components.intents import digest
from lab.certificates import ensure_certificates
from lab.site import Site
from providers.intent import IntentProvider
from tests.faults.proxy import Fault, FaultyProxy, cut_after, cut_before, garbage, slow, status, status_after, truncated
from tests.providers.engine import Managed
from tests.providers.host import HostError
from tests.providers.zabbix.conftest import Stack, config, inputs, newest, super_token
from tests.providers.zabbix.dump import dump
from tests.providers.zabbix.server import ZabbixServer
from vpn.agent import psk_identity
from vpn.errors import BadAnswer, ServerFault, TlsFailure, Unreachable

FAULTS = {
    "cut before": cut_before(),
    "500": status(500, "<html>Internal Server Error</html>"),
    "500 after": status_after(500),
    "garbage": garbage(),
    "truncated": truncated(),
}


@pytest.fixture
def proxy(server: ZabbixServer, stack: Stack) -> Iterator[FaultyProxy]:
    """A proxy before Zabbix that the stack uses."""
    with FaultyProxy(server.url) as between:
        stack.configure(config(server, zabbix_url=between.url))
        yield between


def test_any_call_cut_after_its_effect_heals_in_the_next_run(stack: Stack, proxy: FaultyProxy) -> None:
    """Break each call of a first `up` in turn, the writes among them."""
    _heals(stack, proxy, cut_after(), first=0, step=1)


@newest
@pytest.mark.parametrize("fault", FAULTS)
def test_any_broken_call_heals_in_the_next_run(stack: Stack, proxy: FaultyProxy, fault: str) -> None:
    """The faults take turns, so that together they meet every call."""
    _heals(stack, proxy, FAULTS[fault], first=[*FAULTS].index(fault), step=len(FAULTS))


def _heals(stack: Stack, proxy: FaultyProxy, fault: Fault, *, first: int, step: int) -> None:
    for broken in count(first, step):
        proxy.fail("POST", "", fault, skip=broken)
        said = _said(stack.up)
        assert said is None or (said.count("Zabbix:") == 1 and "defect" not in said)
        if proxy.unmet():
            break
        _converges(stack, proxy)
        stack.destroy()
    assert broken > 8
    assert stack.id


def _said(operation: Callable[[], None]) -> str | None:
    """Return what an operation failed with, None when it did not fail."""
    try:
        operation()
    except HostError as error:
        return str(error)
    return None


def _converges(stack: Stack, proxy: FaultyProxy) -> None:
    proxy.heal()
    stack.up()
    assert len(stack.api("host.get", {"output": ["hostid"]})) == 1
    assert len(stack.api("template.get", {"output": ["templateid"]})) == 1
    stack.refresh()
    assert stack.diff().changes is False


@newest
def test_broken_destroy_is_finished_by_the_next(stack: Stack, proxy: FaultyProxy) -> None:
    broken = 0
    while True:
        stack.up()
        proxy.fail("POST", "", cut_after(), skip=broken)
        said = _said(stack.destroy)
        assert said is None or "Zabbix:" in said
        done = proxy.unmet() > 0
        proxy.heal()
        stack.destroy()
        assert stack.api("host.get", {"output": ["hostid"]}) == []
        assert stack.api("template.get", {"output": ["templateid"]}) == []
        if done:
            break
        broken += 2
    assert broken > 5


@newest
def test_throttled_calls_are_repeated(stack: Stack, proxy: FaultyProxy) -> None:
    proxy.fail("POST", "", status(429, "", {"Retry-After": "0"}), times=2)
    stack.up()
    assert stack.raw()["hostid"] == stack.id


@newest
def test_server_down_says_so(server: ZabbixServer, stack: Stack) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    stack.configure(config(server, zabbix_url=url))
    assert list(stack.check().values()) == [f"Zabbix: at {url}: [Errno 111] Connection refused"]


@newest
def test_slow_server_is_given_up(server: ZabbixServer) -> None:
    with FaultyProxy(server.url) as between:
        between.fail("POST", "", slow(2), times=100)
        with Zabbix(between.url, server.token, timeout=0.1) as zabbix, pytest.raises(Unreachable, match="timed out"):
            zabbix.host_named("x")


@newest
def test_sign_in_page_is_no_zabbix(server: ZabbixServer) -> None:
    with FaultyProxy(server.url) as between:
        between.fail("POST", "", garbage(), times=100)
        with Zabbix(between.url, server.token) as zabbix, pytest.raises(BadAnswer, match="right URL"):
            zabbix.host_named("x")


@newest
def test_database_down_is_the_servers_fault(server: ZabbixServer) -> None:
    error = {"code": -32603, "message": "Internal error.", "data": "Connection to database failed"}
    said = json.dumps({"jsonrpc": "2.0", "error": error, "id": 1})
    with FaultyProxy(server.url) as between:
        between.fail("POST", "", status(200, said), times=100)
        with Zabbix(between.url, server.token) as zabbix, pytest.raises(ServerFault, match="database"):
            zabbix.host_named("x")


@newest
def test_certificate_is_verified(server: ZabbixServer, tmp_path: Path) -> None:
    files = ensure_certificates(Site.of(tmp_path))
    with FaultyProxy(server.url, files.certificate, files.key) as between:
        with Zabbix(between.url, server.token) as zabbix, pytest.raises(TlsFailure, match="not trusted"):
            zabbix.host_named("x")
        with Zabbix(between.url, server.token, trust=Trust(ca_file=files.ca)) as zabbix:
            assert zabbix.host_named("x") is None
        with (
            Zabbix(between.url, server.token, trust=Trust(fingerprint="00" * 32)) as zabbix,
            pytest.raises(TlsFailure, match="pinned"),
        ):
            zabbix.host_named("x")


@newest
def test_what_failed_at_a_request_and_was_taken_back_leaves_nothing(
    server: ZabbixServer, stack: Stack, proxy: FaultyProxy
) -> None:
    """Every fifth request, for each costs two runs."""
    stack.configure(config(server, zabbix_url=proxy.url, zabbix_token=super_token(server.api)))
    key = "d00d" * 16
    changed = {
        "host_group": "VPN of our own",
        "host": "vpn.example.org",
        "address": "192.168.20.91",
        "psk": key,
        "psk_identity": psk_identity("x", key),
    }
    intent = Managed(stack.host, IntentProvider())
    _asked(stack, intent)
    before = dump(stack.api)
    for passed in count(step=5):
        proxy.fail("POST", "", cut_after(), skip=passed, times=99)
        with suppress(HostError):
            _asked(stack, intent, **changed)
        met = proxy.unmet() < 99
        proxy.heal()
        _asked(stack, intent)
        assert dump(stack.api) == before
        if not met:
            break
    assert passed > 5


def _asked(stack: Stack, intent: Managed, **changes: Any) -> None:
    """Run with these inputs, the intent of the registration ahead of it."""
    stack.inputs = inputs(**changes)
    intent.up({"asked": digest(stack.inputs)})
    stack.inputs["epoch"] = intent.outs["epoch"]
    stack.up()
