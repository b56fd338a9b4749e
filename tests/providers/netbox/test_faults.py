"""Whatever goes wrong on the way: one clear error, and the next run ends as if nothing had been."""

from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from clients.netbox import Access, NetBox, Peer
from clients.tls import Trust
from tests.faults import proxy as faults
from tests.faults.certificates import Certificate, make
from tests.faults.proxy import FaultyProxy, Recorded
from tests.providers.engine import error_of
from tests.providers.host import Host, HostError
from tests.providers.netbox.engine import SERVER, Stack
from tests.providers.netbox.server import NetBoxServer, new_token
from tests.providers.netbox.test_drift import facts
from vpn.errors import TlsFailure, Unreachable

MADE = (
    "extras/tags",
    "virtualization/virtual-machines",
    "virtualization/interfaces",
    "ipam/prefixes",
    "ipam/ip-addresses",
    "ipam/services",
    "vpn/tunnels",
    "vpn/tunnel-terminations",
)
"""What an up makes, in order."""
BROKEN = (
    ("POST", 1, faults.cut_before()),
    ("POST", 0, faults.status_after(500, '{"error": "database is gone"}')),
    ("PATCH", 0, faults.garbage()),
)
"""Faults of one run after another: which write of machine or addresses they meet, how many of those pass before."""


def one_line(said: str) -> str:
    assert "Traceback" not in said
    assert "\n" not in said.strip()
    return said


def test_a_connection_cut_at_any_creation_leaves_no_duplicate(
    stack: Stack, proxy: FaultyProxy, clean: NetBoxServer
) -> None:
    for path in MADE:
        proxy.fail("POST", f"/api/{path}/", faults.cut_after())
        assert "NetBox: at http" in one_line(error_of(stack.up))
        assert proxy.unmet() == 0
    stack.up()
    assert _counts(clean) == EXPECTED
    stack.refresh()
    assert stack.up() == ("same", "same")


EXPECTED = {
    "extras/tags": 1,
    "virtualization/virtual-machines": 1,
    "virtualization/interfaces": 2,
    "ipam/prefixes": 2,
    "ipam/ip-addresses": 7,
    "ipam/services": 1,
    "vpn/tunnels": 1,
    "vpn/tunnel-terminations": 1,
}


def _counts(netbox: NetBoxServer) -> dict[str, int]:
    return {path: len(netbox.all(path)) for path in MADE}


def test_a_broken_answer_to_a_write_is_one_error_and_heals(
    stack: Stack, proxy: FaultyProxy, clean: NetBoxServer
) -> None:
    for method, passed, fault in BROKEN:
        proxy.fail(method, "/api/(ipam/ip-addresses|virtualization/virtual-machines)/", fault, skip=passed)
        assert "NetBox: " in one_line(error_of(stack.up))
        assert proxy.unmet() == 0
    stack.up()
    assert _counts(clean) == EXPECTED


def test_a_connection_cut_while_removing_is_made_good_by_the_next_destroy(
    stack: Stack, proxy: FaultyProxy, clean: NetBoxServer
) -> None:
    stack.up()
    for path in ("vpn/tunnel-terminations", "ipam/ip-addresses", "extras/tags"):
        proxy.fail("DELETE", f"/api/{path}/", faults.cut_after())
        one_line(error_of(stack.destroy))
    stack.destroy()
    assert set(_counts(clean).values()) == {0}


def test_reads_that_fail_once_are_repeated_unnoticed(stack: Stack, proxy: FaultyProxy) -> None:
    broken = [faults.cut_before(), faults.status(502), faults.status(503), faults.truncated()]
    places = ["dcim/sites", "virtualization/clusters", "ipam/prefixes", "virtualization/virtual-machines"]
    for place, fault in zip(places, broken, strict=True):
        proxy.fail("GET", f"/api/{place}/", fault)
    assert stack.up() == ("create", "create")
    assert proxy.unmet() == 0


def test_too_many_requests_are_waited_for_even_by_writes(stack: Stack, proxy: FaultyProxy) -> None:
    throttled = faults.status(429, '{"detail": "throttled"}', {"Retry-After": "0"})
    for method in ("GET", "OPTIONS", "POST", "PATCH"):
        proxy.fail(method, "/api/", throttled, times=2)
    assert stack.up() == ("create", "create")
    assert proxy.unmet() == 0


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (faults.status(429, '{"detail": "Request was throttled."}', {"Retry-After": "0"}), "Request was throttled"),
        (faults.status(500, '{"error": "boom", "exception": "OperationalError"}'), "boom"),
        (faults.status(503, "<html>maintenance</html>"), "HTTP 503"),
        (faults.garbage(), "not JSON"),
        (faults.garbage('{"results": "nothing"}'), "NetBox"),
        (faults.garbage('{"count": 1, "next": null, "results": [{"name": "no id"}]}'), "NetBox"),
        (faults.cut_before(), "at http"),
    ],
    ids=["429", "500", "503", "html", "shape", "objects", "cut"],
)
def test_a_failing_netbox_is_one_error_at_preview(
    fault: faults.Fault, words: str, host: Host, nowhere: FaultyProxy
) -> None:
    nowhere.fail("*", "/api/", fault, times=1000)
    said = one_line(error_of(Stack(host, nowhere.url).up))
    assert words in said
    assert "POST" not in {r.method for r in nowhere.requests}


def test_a_netbox_that_is_down_is_one_error(host: Host) -> None:
    said = one_line(error_of(Stack(host, "http://127.0.0.1:9").up))
    assert "NetBox: at http://127.0.0.1:9: " in said
    assert "refused" in said


def test_a_slow_netbox_is_waited_for_within_limits(proxy: FaultyProxy, clean: NetBoxServer) -> None:
    proxy.fail("GET", "/api/dcim/sites/", faults.slow(3), times=100)
    patient = Access(proxy.url, clean.program_token, timeout=30)
    hasty = Access(proxy.url, clean.program_token, timeout=0.2, attempts=2)
    with NetBox(patient) as netbox:
        assert netbox.find("dcim/sites")
    with NetBox(hasty) as netbox, pytest.raises(Unreachable, match="timed out"):
        netbox.find("dcim/sites")


# ── credentials ──────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_token_is_named_and_not_shown(host: Host, stack: Stack) -> None:
    wrong = new_token()
    host.configure({"wireguard-vpn:netbox_token": wrong})
    said = one_line(error_of(stack.up))
    assert "the token is refused (Invalid v2 token); set netbox_token or NETBOX_TOKEN" in said
    assert wrong not in said


def test_no_token_is_named(host: Host, stack: Stack) -> None:
    host.configure({})
    assert "netbox_token" in error_of(stack.up)


def test_a_rotated_token_serves_at_once(host: Host, stack: Stack, clean: NetBoxServer) -> None:
    user = clean.all("users/users", username="wireguard-vpn")[0]["id"]
    old, new = (clean.post("users/tokens/", {"user": user, "version": 2}) for _ in range(2))
    host.configure({"wireguard-vpn:netbox_token": f"nbt_{old['key']}.{old['token']}"})
    stack.up()
    before = facts(clean)
    clean.delete(f"users/tokens/{old['id']}/")
    with Host() as next_run:
        next_run.configure({"wireguard-vpn:netbox_token": f"nbt_{new['key']}.{new['token']}"})
        stack.run_by(next_run)
        stack.refresh()
        assert stack.up() == ("same", "same")
        assert facts(clean) == before
        stack.destroy()


def test_a_version_1_token_serves_too(host: Host, stack: Stack, clean: NetBoxServer) -> None:
    user = clean.all("users/users", username="wireguard-vpn")[0]["id"]
    new = clean.post("users/tokens/", {"user": user, "version": 1})
    host.configure({"wireguard-vpn:netbox_token": new["token"]})
    assert stack.up() == ("create", "create")


def test_a_read_only_token_is_told_all_it_lacks(host: Host, stack: Stack, clean: NetBoxServer) -> None:
    user = clean.all("users/users", username="wireguard-vpn")[0]["id"]
    new = clean.post("users/tokens/", {"user": user, "version": 2, "write_enabled": False})
    host.configure({"wireguard-vpn:netbox_token": f"nbt_{new['key']}.{new['token']}"})
    said = one_line(error_of(stack.up))
    assert "lacks the permissions extras.add_tag, extras.change_tag, extras.delete_tag, ipam.add_ipaddress" in said
    assert "vpn.delete_tunneltermination" in said


def test_a_missing_permission_is_named_before_anything_is_written(
    host: Host, stack: Stack, clean: NetBoxServer, proxy: FaultyProxy
) -> None:
    token = _limited_token(clean, without=("ipam.service", "dcim.site"))
    host.configure({"wireguard-vpn:netbox_token": token})
    said = one_line(error_of(stack.up))
    assert (
        "the token's user lacks the permissions dcim.view_site, ipam.add_service, ipam.change_service,"
        " ipam.delete_service, ipam.view_service" in said
    )
    assert "POST" not in {r.method for r in proxy.requests}


def _limited_token(netbox: NetBoxServer, without: tuple[str, ...]) -> str:
    """Return a token of a user who has all the program's permissions but those on some models."""
    users = netbox.all("users/users", username="limited")
    user = users[0] if users else netbox.post("users/users/", {"username": "limited", "password": "Limited-1-user"})
    for each in netbox.all("users/permissions", q="wireguard-vpn"):
        kept = [model for model in each["object_types"] if model not in without]
        body = {"name": f"limited {each['name']}", "object_types": kept, "actions": each["actions"]}
        if not netbox.all("users/permissions", name=body["name"]):
            netbox.post("users/permissions/", {**body, "users": [user["id"]], "constraints": each["constraints"]})
    new = netbox.post("users/tokens/", {"user": user["id"], "version": 2})
    return f"nbt_{new['key']}.{new['token']}"


def test_what_must_exist_already_is_looked_up_and_a_miss_explained(stack: Stack) -> None:
    place = {"machine": "wireguard", "site": "labb", "cluster": "nowhere", "role": "vpn"}
    said = error_of(stack.reservation.up, {**stack.common, **place})
    assert "netbox_site: 'labb': no such site in NetBox, where an administrator makes it; there is: Main" in said
    assert "netbox_cluster: 'nowhere': no such cluster" in said
    assert "netbox_role: 'vpn': no such role" in said


# ── trust ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make(tmp_path_factory.mktemp("tls"))


def test_the_certificate_is_verified_by_ca_or_fingerprint(clean: NetBoxServer, certificate: Certificate) -> None:
    with FaultyProxy(clean.url, certificate.certificate, certificate.key) as secure:
        for trust in (Trust(ca_file=certificate.certificate), Trust(fingerprint=certificate.fingerprint)):
            with NetBox(Access(secure.url, clean.program_token, trust)) as netbox:
                assert netbox.find("dcim/sites")
        for trust in (Trust(), Trust(fingerprint="00" * 32)):
            with NetBox(Access(secure.url, clean.program_token, trust)) as netbox, pytest.raises(TlsFailure):
                netbox.find("dcim/sites")


def test_an_unknown_certificate_is_one_error_that_says_what_to_do(
    host: Host, clean: NetBoxServer, certificate: Certificate
) -> None:
    known = {"netbox_token": clean.program_token, "netbox_fingerprint": certificate.fingerprint}
    with FaultyProxy(clean.url, certificate.certificate, certificate.key) as secure, Host() as informed:
        stack = Stack(host, secure.url)
        assert "give its CA file or SHA-256 fingerprint" in one_line(error_of(stack.up))
        informed.configure({f"wireguard-vpn:{key}": value for key, value in known.items()})
        stack.run_by(informed)
        assert stack.up() == ("create", "create")


# ── secrets ──────────────────────────────────────────────────────────────────────────────────────


def test_the_token_travels_in_the_authorization_header_alone(
    stack: Stack, proxy: FaultyProxy, clean: NetBoxServer
) -> None:
    stack.up()
    stack.refresh()
    stack.destroy()
    secret = clean.program_token.rpartition(".")[2]
    for request in proxy.requests:
        assert secret not in request.path
        assert secret.encode() not in request.body
        others = {name: value for name, value in request.headers.items() if name.lower() != "authorization"}
        assert secret not in str(others)
    assert secret not in str(stack.reservation.outs) + str(stack.registration.outs)


# ── a change that was taken back ─────────────────────────────────────────────────────────────────


WRITES = ("POST", "PATCH", "DELETE")


def writes_of(requests: list[Recorded]) -> list[Recorded]:
    """Return those that write; to delete an empty list asks for the permission alone."""
    return [each for each in requests if each.method in WRITES and each.body != b"[]"]


def stop_after(proxy: FaultyProxy, writes: int) -> None:
    """Let so many writes pass; those that follow are done, and their answers lost."""
    remaining = iter(range(writes))

    def fault(forward: faults.Forward) -> faults.Reply:
        reply, asks_only = forward(), not writes_of(proxy.requests[-1:])
        return reply if asks_only or next(remaining, None) is not None else faults.CUT

    for method in WRITES:
        proxy.fail(method, "/api/", fault, times=99)


def test_what_failed_at_a_write_and_was_taken_back_leaves_nothing(
    stack: Stack, proxy: FaultyProxy, clean: NetBoxServer
) -> None:
    """Every fifth write, for each costs two runs."""
    changed = replace(SERVER, name="vpn2", cores=2, peers=(Peer("eve", ("10.8.0.9/32",)),))
    stack.up()
    before = facts(clean)
    for passed in count(step=5):
        proxy.requests.clear()
        stop_after(proxy, passed)
        with suppress(HostError):
            stack.up(changed)
        met = len(writes_of(proxy.requests)) > passed
        proxy.heal()
        stack.up()
        assert facts(clean) == before
        if not met:
            break
    assert passed > 3
