"""The claim on a VMID: free or ours, else refused at preview; and nothing replaced by accident."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from providers.container_claim import ContainerClaimProvider
from tests.providers.engine import CheckFailed, Managed
from tests.providers.host import Host, HostError
from tests.providers.pve import TOKEN, Pve, guest

CLAIM = ContainerClaimProvider()
MARK = "pulumi: wireguard-vpn/prod/0123456789abcdef"
Check = Callable[..., dict[str, str]]
PROPS: dict[str, Any] = {
    "node": "pve",
    "container_id": 2090,
    "storage_pool": "local-lvm",
    "unprivileged": True,
    "disk_gb": 8,
    "mark": MARK,
}


@pytest.fixture(scope="module")
def site() -> Iterator[tuple[Pve, Host]]:
    """A cluster, and a plugin with its credentials."""
    with Pve().running() as pve, configured(pve, TOKEN) as host:
        yield pve, host


@pytest.fixture(autouse=True)
def pve(site: tuple[Pve, Host]) -> Pve:
    """The cluster without guests."""
    site[0].guests.clear()
    site[0].requests.clear()
    site[0].nodes = {"pve": "online", "pve2": "online"}
    return site[0]


@pytest.fixture
def check(site: tuple[Pve, Host]) -> Check:
    """Return the failures of a check by property."""
    return lambda news, olds=None: site[1].check(CLAIM, olds or {}, news)[1]


def configured(pve: Pve, token: str) -> Host:
    """Return a plugin with credentials for `pve`."""
    host = Host()
    host.configure({"wireguard-vpn:proxmox_endpoint": pve.url, "wireguard-vpn:proxmox_api_token": token})
    return host


def test_a_free_vmid_is_accepted(check: Check) -> None:
    assert check(PROPS) == {}


def test_our_own_guest_is_accepted(pve: Pve, check: Check) -> None:
    pve.guests[2090] = guest("wireguard", f"WireGuard VPN server\n{MARK}\n")
    assert check(PROPS, PROPS) == {}


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (guest("mail"), "is taken by CT 'mail' on node pve, which this stack did not make"),
        (guest("win", kind="qemu"), "is taken by VM 'win' on node pve"),
        (guest("vpn", "pulumi: wireguard-vpn/lab/0123456789abcdef"), "is taken by CT 'vpn'"),
        (guest("vpn", f"not {MARK}"), "is taken by CT 'vpn'"),
        (guest("secret", hidden=True), "this token may not see"),
    ],
)
def test_a_strangers_guest_is_named_and_refused(pve: Pve, check: Check, taken: dict[str, Any], words: str) -> None:
    pve.guests[2090] = taken
    assert words in check(PROPS)["container_id"]


def test_our_container_without_its_mark_is_told_with_the_line_to_put_back(pve: Pve, check: Check) -> None:
    pve.guests[2090] = guest("wireguard", "WireGuard VPN server\nmine now")
    said = check(PROPS, PROPS)["container_id"]
    assert "put that line back into its notes" in said
    assert f"`{MARK}`" in said
    assert "choose another" not in said


def test_a_container_of_this_stack_s_former_name_is_told_with_the_way_back(pve: Pve, check: Check) -> None:
    """Its mark, and all its other marks, hold the name the stack had before `pulumi stack rename`."""
    pve.guests[2090] = guest("wireguard", "WireGuard VPN server\npulumi: wireguard-vpn/old/0123456789abcdef")
    for olds in (PROPS, None):
        said = check(PROPS, olds)["container_id"]
        assert "the stack was renamed. Rename it back: pulumi stack rename old" in said
        assert "put that line back" not in said
        assert "choose another" not in said


@pytest.mark.parametrize(
    ("taken", "words"),
    [
        (guest("mail"), "VMID 2090 is now taken by CT 'mail' on node pve; Proxmox's plugin would remove it"),
        (guest("secret", hidden=True), "VMID 2090 is taken by a guest that this token may not see; Proxmox's plugin"),
    ],
)
def test_another_vmid_is_refused_while_a_stranger_has_the_one_we_had(
    pve: Pve, check: Check, taken: dict[str, Any], words: str
) -> None:
    """The plugin, told to replace our container, removes whoever has its VMID."""
    news = {**PROPS, "container_id": 2091, "allow_replacement": True}
    pve.guests[2090] = taken
    assert words in check(news, PROPS)["container_id"]
    assert "pulumi state delete" in check(news, PROPS)["container_id"]
    pve.guests[2090] = guest("wireguard", MARK)
    assert check(news, PROPS) == {}


@pytest.mark.parametrize(
    ("there", "asked", "words"),
    [
        ("pve2", "pve", "it is CT 'wireguard' on node pve2. Migrate it back, or set proxmox_node"),
        ("pve2", "pve2", "in it node and nodeName pve2 for pve, pulumi stack import"),
        ("pve", "pve2", "allow_replacement: true"),
    ],
)
def test_our_container_on_another_node_is_told_before_a_second_one_is_made(
    pve: Pve, check: Check, there: str, asked: str, words: str
) -> None:
    pve.guests[2090] = guest("wireguard", MARK, node=there)
    assert words in check({**PROPS, "node": asked}, PROPS)["proxmox_node"]


@pytest.mark.parametrize(
    ("rootfs", "key", "words"),
    [
        ("local-lvm:vm-2090-disk-0,size=16G", "disk_gb", "then set disk_gb: 16"),
        ("local-lvm:vm-2090-disk-0,size=8704M", "disk_gb", "then set disk_gb: 9"),
        ("ceph:vm-2090-disk-0,size=8G", "storage_pool", "then set storage_pool: ceph"),
    ],
)
def test_a_disk_changed_on_the_node_is_never_replaced_by_an_empty_one(
    site: tuple[Pve, Host], check: Check, rootfs: str, key: str, words: str
) -> None:
    site[0].guests[2090] = guest("wireguard", MARK, config={"rootfs": rootfs})
    assert words in check(PROPS, PROPS)[key]
    assert len(site[0].requests) <= 6
    _, _, refreshed = site[1].read(CLAIM, "pve/2090", PROPS)
    assert "allow_replacement: true" in check(PROPS, refreshed)[key], "Proxmox's plugin would replace it now"
    assert check({**PROPS, key: refreshed[key]}, refreshed) == {}
    assert check({**PROPS, "allow_replacement": True}, PROPS) == {}


def test_a_container_made_privileged_by_hand_is_never_replaced_by_an_empty_one(
    site: tuple[Pve, Host], check: Check
) -> None:
    site[0].guests[2090] = guest("wireguard", MARK, config={"unprivileged": 0})
    _, _, refreshed = site[1].read(CLAIM, "pve/2090", PROPS)
    for known in (PROPS, refreshed):  # after the refresh Proxmox's plugin would replace it
        assert "pct restore 2090 BACKUP --unprivileged 1" in check(PROPS, known)["unprivileged"]
        assert check({**PROPS, "allow_replacement": True}, known) == {}


def test_refresh_sees_no_change_where_there_is_none(site: tuple[Pve, Host]) -> None:
    site[0].guests[2090] = guest("wireguard", MARK, config={"rootfs": "local-lvm:vm-2090-disk-0,size=8G"})
    made = site[1].create(CLAIM, PROPS)[1]
    assert site[1].read(CLAIM, "pve/2090", made) == ("pve/2090", made, made)


def test_refresh_stops_at_a_container_on_another_node(site: tuple[Pve, Host]) -> None:
    """Proxmox's plugin would take it for gone, and the next run make another."""
    site[0].guests[2090] = guest("wireguard", MARK, node="pve2")
    with pytest.raises(HostError, match="on node pve2"):
        site[1].read(CLAIM, "pve/2090", PROPS)


@pytest.fixture
def claim(site: tuple[Pve, Host]) -> Managed:
    """The claim of a container that was made."""
    made = Managed(site[1], CLAIM)
    made.up(POOLED)
    site[0].guests[2090] = in_pool("wireguard")
    return made


POOLED = {**PROPS, "pool": "wireguard"}


def in_pool(pool: str, **more: Any) -> dict[str, Any]:
    """Return our container in a pool."""
    config = {"rootfs": "local-lvm:vm-2090-disk-0,size=8G"}
    return guest("wireguard", MARK, config=config, pool=pool, **more)


MOVES = [{"container_id": 2091}, {"pool": "vpn"}, {"storage_pool": "ceph"}, {"node": "pve2"}]


@pytest.mark.parametrize("move", MOVES)
def test_after_a_replacement_that_failed_the_guard_holds_for_the_container_as_it_is(
    claim: Managed, move: dict[str, Any]
) -> None:
    """The claim was changed, the container could not be removed: it is as it was, to Proxmox's plugin too."""
    assert claim.up({**POOLED, **move, "allow_replacement": True}) == "update"
    with pytest.raises(CheckFailed, match="allow_replacement: true"):
        claim.up({**POOLED, **move})
    assert claim.up(POOLED) == "update"
    assert claim.up(POOLED) == "same"
    with pytest.raises(CheckFailed, match="allow_replacement: true"):
        claim.up({**POOLED, **move})


@pytest.mark.parametrize("move", MOVES)
def test_a_refresh_after_a_replacement_that_failed_sees_the_container_as_it_is(
    claim: Managed, move: dict[str, Any]
) -> None:
    claim.up({**POOLED, **move, "allow_replacement": True})
    claim.refresh()
    assert {name: claim.outs[name] for name in POOLED} == POOLED
    assert claim.up({**POOLED, "allow_replacement": True}) == "same"


@pytest.mark.parametrize("held", [{"lock": "backup"}, {"protection": 1}])
@pytest.mark.parametrize("move", [*MOVES, {"disk_gb": 4}])
def test_a_container_that_cannot_be_removed_is_not_stopped_for_it(
    pve: Pve, claim: Managed, move: dict[str, Any], held: dict[str, Any]
) -> None:
    pve.guests[2090]["config"] |= held
    with pytest.raises(CheckFailed, match=f"CT 'wireguard' on node pve has {next(iter(held))}"):
        claim.up({**POOLED, **move, "allow_replacement": True})
    assert claim.up({**POOLED, "allow_replacement": True}) == "update", "nothing is replaced"


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("onwards", [{}, {"storage_pool": "slow"}])
def test_a_replacement_that_removed_the_container_and_made_none_may_be_taken_back(
    pve: Pve, claim: Managed, move: dict[str, Any], onwards: dict[str, Any]
) -> None:
    claim.up({**POOLED, **move, "allow_replacement": True})
    del pve.guests[2090]
    assert claim.up({**POOLED, **onwards}) == "update"
    news = {**POOLED, **onwards}
    pve.guests[2090] = in_pool("wireguard")
    pve.guests[2090]["config"] = {"rootfs": f"{news['storage_pool']}:disk,size=8G"}
    claim.up(news)
    assert claim.up(news) == "same"


def test_a_container_that_is_not_seen_at_another_address_may_still_be_emptied(claim: Managed, pve: Pve) -> None:
    claim.up({**POOLED, "endpoint": "https://a", "storage_pool": "ceph", "allow_replacement": True})
    del pve.guests[2090]
    with pytest.raises(CheckFailed, match="storage_pool"):
        claim.up({**POOLED, "endpoint": "https://b"})


def test_a_claim_that_is_replaced_does_not_take_the_container_with_it(pve: Pve, claim: Managed) -> None:
    """At its end the old claim would remove the container that the new one is for."""
    with pytest.raises(CheckFailed, match="this stack's container, CT 'wireguard' on node pve, is there"):
        claim.replace()
    assert [*pve.guests] == [2090]
    assert claim.up(POOLED) == "same"


def test_a_container_that_was_taken_out_of_its_pool_is_told(pve: Pve, claim: Managed) -> None:
    for pool in ("", "other"):
        pve.guests[2090] = in_pool(pool)
        for allowed in (False, True):
            with pytest.raises(CheckFailed, match="pveum pool modify wireguard --vms 2090"):
                claim.up({**POOLED, "allow_replacement": allowed})
    pve.guests[2090] = in_pool("wireguard")
    assert claim.up(POOLED) == "same"


def test_destroy_after_a_replacement_that_failed_removes_the_container(pve: Pve, claim: Managed) -> None:
    claim.up({**POOLED, "container_id": 2091, "allow_replacement": True})
    claim.destroy()
    assert pve.guests == {}


@pytest.mark.parametrize("move", MOVES)
def test_a_replacement_that_succeeded_leaves_nothing_to_settle(pve: Pve, claim: Managed, move: dict[str, Any]) -> None:
    news = {**POOLED, **move}
    claim.up({**news, "allow_replacement": True})
    del pve.guests[2090]
    pve.guests[news["container_id"]] = in_pool(news["pool"], node=news["node"])
    pve.guests[news["container_id"]]["config"] = {"rootfs": f"{news['storage_pool']}:disk,size=8G"}
    assert claim.up(news) == "update", "allow_replacement alone"
    assert claim.up(news) == "same"
    assert "former" not in claim.outs


def test_who_takes_the_former_vmid_afterwards_is_nobody_of_ours(pve: Pve, claim: Managed) -> None:
    """Also a copy that was restored from a backup, with our notes."""
    news = {**POOLED, "container_id": 2091, "allow_replacement": True}
    claim.up(news)
    pve.guests.update({2090: guest("mail"), 2091: in_pool("wireguard")})
    assert claim.up(news) == "same"
    pve.guests[2090] = guest("a copy", MARK)
    claim.destroy()
    assert [*pve.guests] == [2090]


def test_another_address_has_to_lead_to_our_container(pve: Pve, check: Check) -> None:
    """At another cluster nothing would be done, and a destroy would find nothing to remove."""
    olds = {**PROPS, "endpoint": "https://pve-old.lab.local:8006"}
    news = {**PROPS, "endpoint": "https://pve.lab.local:8006"}
    said = check(news, olds)
    assert "has no container of this stack under VMID 2090; is it another cluster?" in said["proxmox_endpoint"]
    assert check({**news, "allow_replacement": True}, olds) == {}
    assert check(news, PROPS) == {}, "a state that knows no address yet"
    pve.guests[2090] = guest("wireguard", MARK)
    assert check(news, olds) == {}, "another name of the same cluster"


def test_without_a_mark_nothing_is_ours(pve: Pve, check: Check) -> None:
    pve.guests[2090] = guest("mail")
    assert "container_id" in check({**PROPS, "mark": ""})


def test_an_unknown_node_is_told_with_those_there_are(check: Check) -> None:
    assert "there are: pve, pve2" in check({**PROPS, "node": "pev"})["proxmox_node"]


def test_a_refused_token_is_one_clear_message_without_it(pve: Pve) -> None:
    with configured(pve, TOKEN.replace("1b9f", "CANA")) as host:
        failures = host.check(CLAIM, {}, PROPS)[1]
    assert failures == {"proxmox_api_token": "is not accepted by Proxmox VE: wrong, expired or deleted"}


def test_an_api_that_does_not_answer_is_named() -> None:
    with configured(Pve(url="http://127.0.0.1:1"), TOKEN) as host:
        assert "Connection refused" in host.check(CLAIM, {}, PROPS)[1]["proxmox_endpoint"]


def test_missing_credentials_are_told_before_anything_is_asked(pve: Pve) -> None:
    with configured(pve, "") as host:
        failures = host.check(CLAIM, PROPS, {**PROPS, "node": "pve2"})[1]
    assert failures.keys() == {"proxmox_node", "proxmox_api_token"}
    assert "set it here or as PROXMOX_VE_API_TOKEN" in failures["proxmox_api_token"]
    assert not pve.requests


@pytest.mark.parametrize(
    ("name", "value", "key"),
    [
        ("node", "pve2", "proxmox_node"),
        ("container_id", 2091, "container_id"),
        ("storage_pool", "ceph", "storage_pool"),
        ("unprivileged", False, "unprivileged"),
        ("pool", "vpn", "pool"),
        ("disk_gb", 4, "disk_gb"),
    ],
)
def test_what_would_empty_the_disk_is_refused_with_the_way_to_do_it(
    check: Check, name: str, value: Any, key: str
) -> None:
    news = {**PROPS, name: value}
    assert "allow_replacement: true" in check(news, PROPS)[key]
    assert check({**news, "allow_replacement": True}, PROPS) == {}


def test_a_bigger_disk_is_fine(check: Check) -> None:
    assert check({**PROPS, "disk_gb": 16}, PROPS) == {}


def test_every_problem_is_told_at_once(pve: Pve, check: Check) -> None:
    pve.guests[2091] = guest("mail")
    news = {**PROPS, "container_id": 2091, "storage_pool": "ceph", "node": "gone"}
    assert set(check(news, PROPS)) == {"container_id", "storage_pool", "proxmox_node"}


@pytest.mark.parametrize("status", ["running", "stopped"])
@pytest.mark.parametrize("node", ["pve", "pve2"])
def test_the_end_of_the_claim_removes_our_container(site: tuple[Pve, Host], status: str, node: str) -> None:
    site[0].guests[2090] = guest("wireguard", MARK, status=status, node=node)
    site[1].delete(CLAIM, "pve/2090", PROPS)
    assert site[0].guests == {}


@pytest.mark.parametrize("held", [{"lock": "backup"}, {"protection": 1}])
def test_a_container_that_proxmox_does_not_remove_is_not_stopped_at_the_end(
    site: tuple[Pve, Host], held: dict[str, Any]
) -> None:
    site[0].guests[2090] = guest("wireguard", MARK, config=held)
    with pytest.raises(HostError, match=f"CT 'wireguard' on node pve has {next(iter(held))}: .* first"):
        site[1].delete(CLAIM, "pve/2090", PROPS)
    assert site[0].guests[2090]["status"] == "running"


@pytest.mark.parametrize("guests", [{}, {2090: guest("mail")}, {2090: guest("win", MARK, kind="qemu")}])
def test_the_end_of_the_claim_touches_nothing_foreign(site: tuple[Pve, Host], guests: dict[int, Any]) -> None:
    site[0].guests.update(guests)
    site[1].delete(CLAIM, "pve/2090", PROPS)
    assert site[0].guests == guests
    assert all(request.startswith("GET ") for request in site[0].requests)
