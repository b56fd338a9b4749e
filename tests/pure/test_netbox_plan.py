"""The writes that lead from what NetBox has to what it shall have."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.netbox import Peer, Records, wanted
from clients.netbox.kinds import BY_NAME, KINDS
from clients.netbox.plan import Action, Observation, Seen, Step, missing, plan, refuse
from tests.pure.test_netbox_records import SERVER
from vpn.errors import OwnershipError

WANTED = wanted(SERVER)
ORDER = [kind.name for kind in KINDS]


def as_seen(records: Records) -> Observation:
    """NetBox as it is when it says exactly this."""
    numbers = iter(range(1, 10_000))
    return {kind: {key: Seen(next(numbers), dict(f)) for key, f in each.items()} for kind, each in records.items()}


def carried_out(steps: Sequence[Step], seen: Observation) -> Observation:
    """What NetBox says after the steps."""
    world = {kind: dict(seen.get(kind, {})) for kind in ORDER}
    for step in steps:
        objects = world.setdefault(step.kind, {})
        if step.action is Action.DELETE:
            del objects[step.key]
        else:
            unset = dict.fromkeys(BY_NAME[step.kind].late, "")
            old = objects.get(step.key) or step.seen or Seen(0, unset)
            objects[step.key] = replace(old, fields={**old.fields, **step.fields})
    return world


def said(steps: Sequence[Step]) -> list[tuple[str, str, str]]:
    return [(step.action.value, step.kind, step.key) for step in steps]


def test_nothing_there_makes_everything_in_an_order_that_can_be() -> None:
    steps = plan(WANTED, {}, {})
    assert {step.action for step in steps} == {Action.CREATE, Action.LINK}
    kinds = [step.kind for step in steps if step.action is Action.CREATE]
    assert kinds == sorted(kinds, key=ORDER.index)
    assert said(steps)[-1] == ("link", "virtual_machine", "wireguard")
    assert steps[-1].fields == {"primary_ip4": "192.168.20.90"}
    assert "primary_ip4" not in steps[0].fields


def test_all_as_wanted_is_no_write() -> None:
    assert plan(WANTED, as_seen(WANTED), {}) == ()


def test_a_changed_field_is_one_update_of_that_field() -> None:
    changed = wanted(replace(SERVER, memory_mb=2048))
    (step,) = plan(changed, as_seen(WANTED), {})
    assert (step.action, step.fields) == (Action.UPDATE, {"memory": 2048})


def test_peers_are_added_changed_and_removed_by_address() -> None:
    team = (Peer("alice", ("10.8.0.2/32",), "disabled"), Peer("carol", ("10.8.0.4/32",)))
    steps = plan(wanted(replace(SERVER, peers=team)), as_seen(WANTED), {})
    assert said(steps) == [
        ("update", "ip_address", "10.8.0.2"),
        ("create", "ip_address", "10.8.0.4"),
        ("delete", "ip_address", "10.8.0.3"),
    ]


def test_another_management_address_is_primary_before_the_old_one_goes() -> None:
    moved = wanted(replace(SERVER, management=("192.168.20.91/16",)))
    steps = said(plan(moved, as_seen(WANTED), {}))
    made = steps.index(("create", "ip_address", "192.168.20.91"))
    linked = steps.index(("link", "virtual_machine", "wireguard"))
    gone = steps.index(("delete", "ip_address", "192.168.20.90"))
    assert made < linked < gone


def test_removal_goes_backwards() -> None:
    kinds = [step.kind for step in plan({kind: {} for kind in WANTED}, as_seen(WANTED), {})]
    assert kinds == sorted(kinds, key=ORDER.index, reverse=True)


def test_kinds_not_wanted_stay() -> None:
    name_only = {"virtual_machine": {"wireguard": {"name": "wireguard"}}}
    assert plan(name_only, as_seen(WANTED), {}) == ()


def test_initial_values_are_for_new_objects_only() -> None:
    name_only = {"virtual_machine": {"wireguard": {"name": "wireguard"}}}
    waiting = {"status": "planned"}
    (step,) = plan(name_only, {}, {}, waiting)
    assert step.fields == {"status": "planned", "name": "wireguard"}
    assert plan(name_only, as_seen(WANTED), {}, waiting) == ()


def test_an_object_in_the_way_is_adopted_even_if_nothing_differs() -> None:
    taken = {"prefix": as_seen(WANTED)["prefix"]}
    seen = {kind: objects for kind, objects in as_seen(WANTED).items() if kind != "prefix"}
    (step,) = plan(WANTED, seen, taken)
    assert (step.action, step.key, step.fields) == (Action.ADOPT, "10.8.0.0/24", {})


def test_missing_names_what_is_not_ours_yet() -> None:
    seen = {kind: objects for kind, objects in as_seen(WANTED).items() if kind != "tunnel"}
    assert missing(WANTED, seen) == {"tunnel": ("wireguard.infra.local wg0",)}


def test_everything_in_the_way_is_named_at_once() -> None:
    taken = {"prefix": {"10.8.0.0/24": Seen(7, {})}, "ip_address": {f"10.8.0.{n}": Seen(n, {}) for n in range(20)}}
    with pytest.raises(OwnershipError, match="id 7") as refused:
        refuse(taken, "pulumi: a/b/c")
    assert "and 11 more" in str(refused.value)
    refuse({}, "pulumi: a/b/c")


@pytest.mark.parametrize(
    ("count", "said"),
    [(1, "exists and does not carry .* leaves it alone"), (2, "exist and do not carry .* leaves them alone")],
)
def test_one_record_in_the_way_is_told_as_one(count: int, said: str) -> None:
    taken = {"tunnel": {f"wg{n}": Seen(n, {}) for n in range(count)}}
    with pytest.raises(OwnershipError, match=said):
        refuse(taken, "pulumi: a/b/c")


@st.composite
def servers(draw: st.DrawFn) -> Records:
    numbers = draw(st.lists(st.integers(2, 40), unique=True, max_size=8))
    states = st.sampled_from(["active", "disabled", "expired"])
    peers = tuple(Peer(f"peer-{draw(st.integers(0, 9))}", (f"10.8.0.{n}/32",), draw(states)) for n in numbers)
    management = draw(st.sampled_from([("192.168.20.90/16",), ("192.168.20.91/16", "fd00::90/64")]))
    return wanted(replace(SERVER, peers=peers, management=management, cores=draw(st.integers(1, 4))))


@given(servers(), servers())
def test_from_any_state_one_run_leads_to_the_wanted_one(before: Records, after: Records) -> None:
    world = carried_out(plan(after, as_seen(before), {}), as_seen(before))
    assert {kind: {k: s.fields for k, s in objects.items()} for kind, objects in world.items()} == after
    assert plan(after, world, {}) == ()


@given(servers(), st.data())
def test_a_run_that_stops_anywhere_is_finished_by_the_next(after: Records, data: st.DataObject) -> None:
    steps = plan(after, {}, {})
    stopped = carried_out(steps[: data.draw(st.integers(0, len(steps)))], {})
    world = carried_out(plan(after, stopped, {}), stopped)
    assert {kind: {k: s.fields for k, s in objects.items()} for kind, objects in world.items()} == after
