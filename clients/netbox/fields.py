"""How each field of a record is read from a NetBox object and written into a request.

A record is plain data: field name to text, number or list. References between records are the
other record's key (a VM's name, an interface's name, an address), never NetBox's ids, so that
records can be compared, stored and shown. "" stands for NetBox's null.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

Value = str | int | float | bool | list[str]
Fields = Mapping[str, Value]
Records = Mapping[str, Mapping[str, Fields]]
"""Kind name → key → fields."""
ApiObject = Mapping[str, Any]
"""A NetBox object as its REST API writes it."""


class Names(Protocol):
    """Translates between keys, names and NetBox's ids."""

    def key(self, kind: str, id_: int) -> str:
        """Return the key of our record with `id_`, or `#id` for an object that is not ours."""

    def id(self, kind: str, key: str) -> int:
        """Return the id of the record, or of what must exist already (site, cluster, role)."""

    def configured(self, field: str) -> str:
        """Return what the server's record wants in a field."""

    def spelled(self, field: str, found: ApiObject) -> str:
        """Return the name of `found` as the configuration spells it: by name or slug."""


class Field(Protocol):
    """One field of a record."""

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the field's value in a NetBox object."""

    def write(self, value: Any, names: Names) -> dict[str, Any]:
        """Return the part of a request body that sets the value."""


@dataclass(frozen=True)
class Plain:
    """Text, a number or a flag; a whole number reads back whole."""

    name: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the value, "" for null."""
        del names
        value: Value = whole(found.get(self.name))
        return value

    def write(self, value: Value, names: Names) -> dict[str, Any]:
        """Set the value; "" clears a number."""
        del names
        return {self.name: whole(value)}


@dataclass(frozen=True)
class Number(Plain):
    """A number that may be absent."""

    def write(self, value: Value, names: Names) -> dict[str, Any]:
        """Set the number, null for ""."""
        del names
        return {self.name: None if value == "" else whole(value)}


@dataclass(frozen=True)
class Choice:
    """One of NetBox's fixed values, such as a status."""

    name: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the value without its label."""
        del names
        choice = found.get(self.name)
        return str(choice["value"]) if choice else ""

    def write(self, value: str, names: Names) -> dict[str, Any]:
        """Set the value."""
        del names
        return {self.name: value}


@dataclass(frozen=True)
class NewerChoice(Choice):
    """A choice that older versions do not have; there it counts as wanted, and a write is ignored."""

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the value without its label."""
        return super().read(found, names) if self.name in found else names.configured(self.name)


@dataclass(frozen=True)
class Reference:
    """Another of our records, by its key."""

    name: str
    kind: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the key of the record referred to."""
        other = found.get(self.name)
        return names.key(self.kind, int(other["id"])) if other else ""

    def write(self, value: str, names: Names) -> dict[str, Any]:
        """Refer to the record with that key, to nothing for ""."""
        return {self.name: names.id(self.kind, value) if value else None}


@dataclass(frozen=True)
class References:
    """Several of our records, by their keys."""

    name: str
    kind: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the keys in order."""
        return sorted(names.key(self.kind, int(each["id"])) for each in found.get(self.name) or ())

    def write(self, value: list[str], names: Names) -> dict[str, Any]:
        """Refer to exactly these records."""
        return {self.name: [names.id(self.kind, key) for key in value]}


@dataclass(frozen=True)
class Existing:
    """What an administrator made: a site, a cluster or a role, by name or slug."""

    name: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return its name, spelled as in the configuration."""
        other = found.get(self.name)
        return names.spelled(self.name, other) if other else ""

    def write(self, value: str, names: Names) -> dict[str, Any]:
        """Refer to it, to nothing for ""."""
        return {self.name: names.id(self.name, value) if value else None}


@dataclass(frozen=True)
class Attached:
    """A reference whose type NetBox keeps beside the id (`…_type`, `…_id`)."""

    prefix: str
    target: str
    kind: str

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the key of the record referred to, "#type id" for another kind of object."""
        type_, id_ = found.get(f"{self.prefix}_type"), found.get(f"{self.prefix}_id")
        if id_ is None:
            return ""
        return names.key(self.kind, int(id_)) if type_ == self.target else f"#{type_} {id_}"

    def write(self, value: str, names: Names) -> dict[str, Any]:
        """Refer to the record, to nothing for ""."""
        type_ = self.target if value else None
        id_ = names.id(self.kind, value) if value else None
        return {f"{self.prefix}_type": type_, f"{self.prefix}_id": id_}


@dataclass(frozen=True)
class Scope:
    """The site a prefix belongs to: its scope since NetBox 4.2."""

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return the site's name, "#type" for another scope."""
        if found.get("scope_type") == "dcim.site" and found.get("scope"):
            return names.spelled("site", found["scope"])
        return f"#{found['scope_type']}" if found.get("scope_type") else ""

    def write(self, value: str, names: Names) -> dict[str, Any]:
        """Put the prefix into the site."""
        return {"scope_type": "dcim.site", "scope_id": names.id("site", value)}


@dataclass(frozen=True)
class Ports:
    """A service's `udp/51820`: `port_mappings` since 4.7, protocol and ports before and in 4.7."""

    def read(self, found: ApiObject, names: Names) -> Value:
        """Return `protocol/port` for each port, in order."""
        del names
        if found.get("port_mappings") is not None:
            return sorted(found["port_mappings"])
        protocol = (found.get("protocol") or {}).get("value", "")
        return sorted(f"{protocol}/{port}" for port in found.get("ports") or ())

    def write(self, value: list[str], names: Names) -> dict[str, Any]:
        """Set one protocol's ports, in the form both versions take."""
        del names
        protocols, ports = zip(*(each.split("/") for each in value), strict=True)
        return {"protocol": protocols[0], "ports": [int(port) for port in ports]}


def whole(value: Any) -> Any:
    """Return 1 for 1.0 and "" for None: JSON and NetBox's decimals do not tell 1 from 1.0."""
    if value is None:
        return ""
    return int(value) if isinstance(value, float) and value.is_integer() else value
