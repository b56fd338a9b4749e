"""Bringing NetBox from what it says of a stack to what it shall say, and back to nothing."""

from collections.abc import Mapping

from clients.netbox import mark as marks
from clients.netbox import observe as look
from clients.netbox.api import NetBox
from clients.netbox.dependents import refuse_dependents
from clients.netbox.directory import Directory
from clients.netbox.fields import Fields, Records
from clients.netbox.kinds import KINDS, TUNNEL, VIRTUAL_MACHINE
from clients.netbox.mark import Mark
from clients.netbox.plan import Observation, Seen, missing, plan, refuse
from clients.netbox.writes import Writer
from vpn.errors import Conflict, ServerFault

WAITING: Fields = {"status": "planned"}
"""A virtual machine whose server is still to be built."""
RETIRED = {VIRTUAL_MACHINE: "decommissioning", TUNNEL: "disabled"}
"""Status of what stays visible while the server is taken apart."""


class Registry:
    """The records of one stack in one NetBox. Every method raises a VpnError and is repeatable."""

    def __init__(self, netbox: NetBox, mark: Mark) -> None:
        self._netbox = netbox
        self._mark = mark

    def observed(self, known: Records) -> Records | None:
        """Return the stack's records as NetBox has them, None when it has none.

        Only kinds and fields that `known` records have are told.
        """
        seen = look.observe(look.marked(self._netbox, self._mark), known, self._directory(known))
        if not any(seen.values()):
            return None
        return {kind: _like(seen[kind], records) for kind, records in known.items()}

    def machine(self, known: Records) -> Fields | None:
        """Return the known fields of the stack's virtual machine, None when it has none."""
        raw = look.marked(self._netbox, self._mark, (VIRTUAL_MACHINE,))
        seen = look.observe(raw, known, self._directory(known))
        return next(iter(_like(seen[VIRTUAL_MACHINE.name], known[VIRTUAL_MACHINE.name]).values()), None)

    def serves(self) -> bool:
        """Whether NetBox shows the stack's virtual machine as active: its server was registered."""
        raw = look.marked(self._netbox, self._mark, (VIRTUAL_MACHINE,))
        return any((each.get("status") or {}).get("value") == "active" for each in raw[VIRTUAL_MACHINE.name])

    def obstacles(self, wanted: Records, known: Records | None = None) -> None:
        """Raise OwnershipError when something not ours has a name or address that is wanted.

        Names and addresses that `known` records have already are not asked about.
        """
        new = {kind: [key for key in keys if key not in (known or {}).get(kind, {})] for kind, keys in wanted.items()}
        refuse(look.in_the_way(self._netbox, self._mark, wanted, new, self._directory(wanted)), self._mark.text)

    def reserve(self, wanted: Records, *, adopt: bool) -> int:
        """Make the stack's virtual machine, status planned, and return its id."""
        return self.converge(wanted, adopt=adopt, initial=WAITING)

    def converge(self, wanted: Records, *, adopt: bool, initial: Fields | None = None) -> int:
        """Write what differs from `wanted`, the stack's tag first, and return the virtual machine's id."""
        directory = self._directory(wanted)
        seen, taken = self._survey(wanted, directory)
        if not adopt:
            refuse(taken, self._mark.text)
        steps = plan(wanted, seen, taken, initial)
        if steps:  # without the tag, which anybody may have removed, NetBox refuses every write of ours
            marks.ensure(self._netbox, self._mark)
        try:
            Writer(self._netbox, self._mark, directory).apply(steps)
        except (Conflict, ServerFault):
            # NetBox answers 400 or 500 when somebody was faster: say who, if so.
            self.obstacles(wanted)
            raise
        return directory.id(VIRTUAL_MACHINE.name, next(iter(wanted[VIRTUAL_MACHINE.name])))

    def retire(self) -> None:
        """Show that the server is being taken apart; nothing to do when it is not registered.

        Raises OwnershipError when a copy of the virtual machine carries the tag too.
        """
        raw = look.marked(self._netbox, self._mark)
        look.refuse_copies(raw)
        for kind, status in RETIRED.items():
            said = {"status": status, "changelog_message": self._mark.message}
            self._netbox.update(kind.path, [{"id": each["id"], **said} for each in raw[kind.name]])

    def remove(self) -> None:
        """Remove everything that carries the stack's tag, then the tag.

        Raises OwnershipError, before anything is removed, when objects of others hang on ours or when a copy of the
        virtual machine carries the tag too.
        """
        raw = look.marked(self._netbox, self._mark)
        look.refuse_copies(raw)
        refuse_dependents(self._netbox, self._mark, raw)
        for kind in reversed(KINDS):
            ids = [int(each["id"]) for each in raw[kind.name]]
            self._netbox.delete(kind.path, ids, self._mark.message)
        marks.remove(self._netbox, self._mark)

    def _survey(self, wanted: Records, directory: Directory) -> tuple[Observation, Observation]:
        """Return what is ours, and what of others' is in the way of the rest."""
        kinds = [kind for kind in KINDS if kind.name in wanted]
        seen = look.observe(look.marked(self._netbox, self._mark, kinds), wanted, directory)
        absent = missing(wanted, seen)
        return seen, look.in_the_way(self._netbox, self._mark, wanted, absent, directory)

    def _directory(self, records: Records) -> Directory:
        machine = next(iter(records[VIRTUAL_MACHINE.name].values()), {})
        return Directory(self._netbox, {field: str(value) for field, value in machine.items()})


def _like(seen: Mapping[str, Seen], known: Mapping[str, Fields]) -> dict[str, Fields]:
    """Return the fields of objects seen: those the known record has, all of one not known."""
    return {
        key: {name: value for name, value in found.fields.items() if name in known.get(key, found.fields)}
        for key, found in seen.items()
    }
