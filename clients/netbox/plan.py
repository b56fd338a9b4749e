"""From what shall be and what is to the writes that lead there: pure, so that every case is a test.

wanted records ─┐
ours, as seen  ─┼─> plan ─> create, adopt, update … delete
in the way     ─┘
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from clients.netbox.fields import Fields, Records
from clients.netbox.kinds import BY_NAME, KINDS, Kind
from vpn.errors import OwnershipError, listed


@dataclass(frozen=True)
class Seen:
    """An object found in NetBox: its id, our fields of it, and the ids of its tags."""

    id: int
    fields: Fields
    tags: tuple[int, ...] = ()


Observation = Mapping[str, Mapping[str, Seen]]
"""Kind name → key → object."""


class Action(StrEnum):
    """What a step does to one object; LINK sets what can only be set once all others exist."""

    CREATE = "create"
    ADOPT = "adopt"
    UPDATE = "update"
    LINK = "link"
    DELETE = "delete"


@dataclass(frozen=True)
class Step:
    """One write. `fields` are the values to set; `seen` is the object, None for one to be made."""

    action: Action
    kind: str
    key: str
    fields: Fields = field(default_factory=dict)
    seen: Seen | None = None


def plan(wanted: Records, seen: Observation, taken: Observation, initial: Fields | None = None) -> tuple[Step, ...]:
    """Return the writes in an order NetBox accepts; none when all is as wanted.

    `taken` are objects in the way, to be adopted; `initial` are fields given only to new objects.
    Kinds that `wanted` does not name stay as they are.
    """
    kinds = [kind for kind in KINDS if kind.name in wanted]
    writes = [_write(kind, key, fields, seen, taken) for kind in kinds for key, fields in wanted[kind.name].items()]
    early = [_early(step, initial or {}) for step in writes]
    removals = [step for kind in reversed(kinds) for step in _removals(kind, wanted, seen)]
    links = [_link(step) for step in writes]
    return tuple(step for step in (*early, *links, *removals) if _does_something(step))


def missing(wanted: Records, seen: Observation) -> dict[str, tuple[str, ...]]:
    """Return the keys, kind by kind, of wanted records that are not ours yet."""
    absent = {kind: tuple(key for key in records if key not in seen.get(kind, {})) for kind, records in wanted.items()}
    return {kind: keys for kind, keys in absent.items() if keys}


def refuse(taken: Observation, mark: str) -> None:
    """Raise OwnershipError that names everything in the way and how to take it on purpose."""
    names = [
        f"{BY_NAME[kind].words} {key!r} (id {found.id})"
        for kind, objects in taken.items()
        for key, found in objects.items()
    ]
    if names:
        carry, it = ("exists and does not carry", "it") if len(names) == 1 else ("exist and do not carry", "them")
        raise OwnershipError(
            f"NetBox: {listed(names)} {carry} the tag {mark!r}, so this stack leaves {it} alone; rename or remove {it},"
            f" or set netbox_adopt=true to take {it} over"
        )


def differing(wanted: Fields, found: Fields) -> Fields:
    """Return the wanted values that the object does not have."""
    return {name: value for name, value in wanted.items() if found.get(name) != value}


def _write(kind: Kind, key: str, fields: Fields, seen: Observation, taken: Observation) -> Step:
    own = seen.get(kind.name, {}).get(key)
    if own is not None:
        return Step(Action.UPDATE, kind.name, key, differing(fields, own.fields), own)
    foreign = taken.get(kind.name, {}).get(key)
    if foreign is not None:
        return Step(Action.ADOPT, kind.name, key, differing(fields, foreign.fields), foreign)
    return Step(Action.CREATE, kind.name, key, fields)


def _early(step: Step, initial: Fields) -> Step:
    late = BY_NAME[step.kind].late
    fields = {name: value for name, value in step.fields.items() if name not in late}
    if step.action is Action.CREATE:
        fields = {**initial, **fields}
    return Step(step.action, step.kind, step.key, fields, step.seen)


def _link(step: Step) -> Step:
    late = BY_NAME[step.kind].late
    fields = {name: value for name, value in step.fields.items() if name in late}
    if step.action is Action.CREATE:
        fields = {name: value for name, value in fields.items() if value != ""}
    return Step(Action.LINK, step.kind, step.key, fields, step.seen)


def _removals(kind: Kind, wanted: Records, seen: Observation) -> Iterator[Step]:
    for key, found in seen.get(kind.name, {}).items():
        if key not in wanted[kind.name]:
            yield Step(Action.DELETE, kind.name, key, {}, found)


def _does_something(step: Step) -> bool:
    return bool(step.fields) or step.action not in (Action.UPDATE, Action.LINK)
