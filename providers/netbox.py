"""The server's entry in NetBox: who it is, where it runs, which addresses it and its peers have.

`Reservation` comes before the container: it proves at preview that NetBox can be written to and
that the name is free, and keeps the name as a planned virtual machine; its removal takes away
everything that carries our tag. `Registration` comes after the server: it writes all records, and
its removal only marks the server as being decommissioned.
"""

from typing import Annotated, Any

import pulumi
from pulumi.dynamic import Resource
from pydantic import BeforeValidator

from clients.netbox import Mark, NetBox, Records, Registry, prerequisites, problems, reservation, whole
from clients.netbox.kinds import VIRTUAL_MACHINE
from providers import connections
from providers.base import Provider, anew
from providers.props import Props
from vpn.errors import ConfigError, Problem


def _whole_records(records: Any) -> Any:
    """Return records with 1 for 1.0: what went through Pulumi's host has only floats."""
    if isinstance(records, dict):
        return {key: _whole_records(value) for key, value in records.items()}
    return [*map(whole, records)] if isinstance(records, list) else whole(records)


class Common(Props):
    """`mark` is `pulumi: <project>/<stack>/<owner id>`; `page` is where NetBox shows the server.

    When `url` changes, everything is made at the new address and what is at the old one stays: it may be gone.
    """

    url: str = ""
    mark: str = ""
    adopt: bool = False
    page: str | None = None


class ReservationProps(Common):
    """The virtual machine's name and where it belongs; `role` is only looked up. "" for no role."""

    machine: str
    site: str
    cluster: str
    role: str = ""

    @property
    def records(self) -> Records:
        """The record that keeps the name."""
        return reservation(self.machine, self.site, self.cluster)


class RegistrationProps(Common):
    """Kind → key → field → value, as `clients.netbox.wanted` makes them; after a refresh, as found.

    `epoch` is that of the registration's intent.
    """

    as_text = frozenset({"records"})
    records: Annotated[dict[str, dict[str, dict[str, Any]]], BeforeValidator(_whole_records)] = {}
    epoch: int = 0


class ReservationProvider(Provider[ReservationProps]):
    """Proves early that NetBox can be written to and keeps the server's name there."""

    props = ReservationProps
    computed = frozenset({"page"})

    def on_check(self, old: ReservationProps | None, new: ReservationProps) -> ReservationProps:
        """Look at NetBox when anything is new; refuse with one clear message."""
        if new.unknown or (old and not self.on_diff(old, new)):
            return new
        _refuse(Mark(new.mark).problems() + problems(new.records))
        names = {"site": new.site, "cluster": new.cluster, "role": new.role}
        with connections.netbox(new.url) as netbox:
            prerequisites.check(netbox, names)
            if not new.adopt:
                _registry(netbox, new).obstacles(new.records)
            if not (old or new.adopt) and _registry(netbox, new).serves():
                raise ConfigError([anew("netbox_adopt", "this stack's virtual machine is active in NetBox")])
        return new

    def on_create(self, new: ReservationProps) -> tuple[str, ReservationProps]:
        """Make the stack's tag and a planned virtual machine, or find those of an earlier try."""
        with connections.netbox(new.url) as netbox:
            id_ = _registry(netbox, new).reserve(new.records, adopt=new.adopt)
            return str(id_), new.with_(page=netbox.page(VIRTUAL_MACHINE.path, id_))

    def on_read(self, id_: str, old: ReservationProps) -> ReservationProps:
        """Observe name and place; "" for a machine that is gone.

        It is never forgotten: its removal is what takes away the other records, which may well be there.
        """
        del id_
        with connections.netbox(old.url) as netbox:
            found = _registry(netbox, old).machine(old.records)
            if found is None:
                return old.with_(machine="")
            return old.with_(machine=found["name"], site=found["site"], cluster=found["cluster"])

    def on_update(self, id_: str, old: ReservationProps, new: ReservationProps) -> ReservationProps:
        """Keep the name in another NetBox, or again; the registration renames or moves a virtual machine that is there.

        So that nothing is written here that the registration would not put back when the change is taken back.
        """
        del id_
        there = old.machine and old.url == new.url
        return new.with_(page=old.page) if there else self.on_create(new)[1]

    def on_delete(self, id_: str, old: ReservationProps) -> None:
        """Remove everything that carries the stack's tag, unless others' objects hang on it."""
        del id_
        with connections.netbox(old.url) as netbox:
            _registry(netbox, old).remove()


class RegistrationProvider(Provider[RegistrationProps]):
    """Writes what NetBox shall say about the server and its peers, and keeps it so."""

    props = RegistrationProps
    computed = frozenset({"page"})

    def on_check(self, old: RegistrationProps | None, new: RegistrationProps) -> RegistrationProps:
        """Refuse at preview what NetBox would refuse, and names or addresses that others have."""
        if new.unknown or (old and not self.on_diff(old, new)):
            return new
        _refuse(problems(new.records))
        if not new.adopt:
            with connections.netbox(new.url) as netbox:
                known = old.records if old and old.url == new.url else None
                _registry(netbox, new).obstacles(new.records, known=known)
        return new

    def on_create(self, new: RegistrationProps) -> tuple[str, RegistrationProps]:
        """Write what differs from the records wanted; an earlier try's objects are found by tag."""
        with connections.netbox(new.url) as netbox:
            id_ = _registry(netbox, new).converge(new.records, adopt=new.adopt)
            return str(id_), new.with_(page=netbox.page(VIRTUAL_MACHINE.path, id_))

    def on_read(self, id_: str, old: RegistrationProps) -> RegistrationProps | None:
        """Observe every record; None when NetBox has none of this stack."""
        del id_
        with connections.netbox(old.url) as netbox:
            records = _registry(netbox, old).observed(old.records)
            return old.with_(records=records) if records else None

    def on_update(self, id_: str, old: RegistrationProps, new: RegistrationProps) -> RegistrationProps:
        """Write what differs from the records wanted, whatever it was before."""
        del id_, old
        return self.on_create(new)[1]

    def on_delete(self, id_: str, old: RegistrationProps) -> None:
        """Show that the server is being taken apart; its records go with the reservation."""
        del id_
        with connections.netbox(old.url) as netbox:
            _registry(netbox, old).retire()


class Reservation(Resource, module="netbox", name="Reservation"):
    """The server's name in NetBox, kept before the server exists."""

    page: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ReservationProvider(), name, {"page": None, **props}, opts)


class Registration(Resource, module="netbox", name="Registration"):
    """The server and its peers in NetBox."""

    page: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(RegistrationProvider(), name, RegistrationProps.inputs({"page": None, **props}), opts)


def _registry(netbox: NetBox, props: Common) -> Registry:
    return Registry(netbox, Mark(props.mark))


def _refuse(found: list[Problem]) -> None:
    if found:
        raise ConfigError(found)
