"""What NetBox has of ours, and what of others' is in the way of what we want."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_interface
from typing import Any

from clients.netbox.api import Filter, NetBox
from clients.netbox.directory import Directory
from clients.netbox.fields import ApiObject, Records
from clients.netbox.kinds import (
    FEW,
    INTERFACE,
    IP_ADDRESS,
    KINDS,
    PREFIX,
    SERVICE,
    TERMINATION,
    TUNNEL,
    VIRTUAL_MACHINE,
    Kind,
)
from clients.netbox.mark import Mark
from clients.netbox.plan import Observation, Seen
from vpn.errors import OwnershipError, Rejected

Raw = Mapping[str, Sequence[ApiObject]]
AT_ONCE = 4
"""Requests at the same time: a quarter of what NetBox's own gunicorn settings serve (five workers of three threads)."""


def marked(netbox: NetBox, mark: Mark, kinds: Sequence[Kind] = KINDS) -> dict[str, list[dict[str, Any]]]:
    """Return every object that carries the stack's tag, by kind; one request per kind, a few at the same time."""
    found: dict[str, list[dict[str, Any]]] = {kind.name: [] for kind in KINDS}
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            answers = pool.map(lambda kind: _tagged(netbox, kind, mark), kinds)
            found |= {kind.name: answer for kind, answer in zip(kinds, answers, strict=True)}
    except Rejected as error:
        if "tag: " not in str(error):
            raise  # NetBox refuses to filter by a tag it does not have: then nothing carries it
    return found


def refuse_copies(raw: Raw) -> None:
    """Raise OwnershipError when two virtual machines carry the tag.

    One was copied by hand, and which of them is ours cannot be told.
    """
    machines = raw[VIRTUAL_MACHINE.name]
    if len(machines) > 1:
        names = ", ".join(f"{each.get('name')!r} (id {each['id']})" for each in machines)
        raise OwnershipError(
            f"NetBox: several virtual machines carry this stack's tag: {names}; take it off those"
            " that are not the VPN server"
        )


def observe(raw: Raw, known: Records, directory: Directory) -> Observation:
    """Return our objects under the keys of `known` records where they are the same.

    Raises OwnershipError when two virtual machines carry the tag.
    """
    refuse_copies(raw)
    keyed = {}
    for kind in KINDS:
        keyed[kind] = _keyed(kind, raw[kind.name], list(known.get(kind.name, {})), directory)
        for key, found in keyed[kind].items():
            directory.learn(kind.name, key, int(found["id"]))
    return {
        kind.name: {key: seen(kind, found, directory) for key, found in objects.items()}
        for kind, objects in keyed.items()
    }


def seen(kind: Kind, found: ApiObject, directory: Directory) -> Seen:
    """Return an object of NetBox as we compare it."""
    fields = {name: field.read(found, directory) for name, field in kind.fields.items()}
    return Seen(int(found["id"]), fields, tuple(int(tag["id"]) for tag in found.get("tags") or ()))


def in_the_way(
    netbox: NetBox, mark: Mark, wanted: Records, absent: Mapping[str, Sequence[str]], directory: Directory
) -> Observation:
    """Return the objects of others that have a name or address we want to give."""
    taken = {}
    for kind in KINDS:
        keys = {key.casefold(): key for key in absent.get(kind.name, ())}
        found = [
            each
            for filters in _queries(kind, wanted, list(keys.values()), directory)
            for each in netbox.find(kind.path, **filters)
            if not carries(each, mark)
        ]
        named = [(keys.get(natural_key(kind, each, directory).casefold()), each) for each in found]
        taken[kind.name] = {key: seen(kind, each, directory) for key, each in named if key}
    return {kind: objects for kind, objects in taken.items() if objects}


def carries(found: ApiObject, mark: Mark) -> bool:
    """Whether the object has the stack's tag."""
    return any(tag.get("slug") == mark.slug for tag in found.get("tags") or ())


def natural_key(kind: Kind, found: ApiObject, directory: Directory) -> str:
    """Return what NetBox keeps unique of the object, in the form of our keys."""
    value = str(kind.fields[kind.natural].read(found, directory))
    return str(ip_interface(value).ip) if kind is IP_ADDRESS else value


def _tagged(netbox: NetBox, kind: Kind, mark: Mark) -> list[dict[str, Any]]:
    told = {"fields": ",".join(kind.told)} if kind.told else {}
    return [each for each in netbox.find(kind.path, tag=mark.slug, **told) if carries(each, mark)]


def _keyed(
    kind: Kind, objects: Iterable[ApiObject], known: Sequence[str], directory: Directory
) -> dict[str, ApiObject]:
    """Give each object a key: its natural one, or that of the record it must be, renamed by hand."""
    keyed: dict[str, ApiObject] = {}
    strangers = []
    for found in sorted(objects, key=lambda each: int(each["id"])):
        key = natural_key(kind, found, directory)
        if key in keyed or (kind in FEW and known and key not in known):
            strangers.append((key, found))
        else:
            keyed[key] = found
    free = [key for key in known if key not in keyed]
    for key, found in strangers:
        renamed = kind in FEW and free
        keyed[free.pop(0) if renamed else f"{key} #{found['id']}"] = found
    return keyed


def _queries(kind: Kind, wanted: Records, keys: Sequence[str], directory: Directory) -> list[dict[str, Filter]]:
    """Return the filters that find objects with these keys; none where nothing can be in the way."""
    if not keys:
        return []
    machine = next(iter(wanted.get(VIRTUAL_MACHINE.name, {})), "")
    own = directory.known(VIRTUAL_MACHINE.name, machine)
    if kind is VIRTUAL_MACHINE:
        cluster = directory.id("cluster", str(wanted[kind.name][machine]["cluster"]))
        return [{"name__ie": key, "cluster_id": cluster} for key in keys]
    if kind in (INTERFACE, SERVICE):
        return [{"virtual_machine_id": own, "name": list(keys)}] if own else []
    if kind in (PREFIX, IP_ADDRESS):
        return [{kind.natural: list(keys), "vrf_id": "null"}]
    if kind is TUNNEL:
        return [{"name": list(keys)}]
    ids = [id_ for key in keys if (id_ := directory.known(INTERFACE.name, key))]
    return [{"vminterface_id": ids}] if kind is TERMINATION and ids else []
