"""Objects of others that hang on ours: removing ours would take them along without a word.

NetBox deletes with an interface its addresses and terminations, with a virtual machine its
interfaces and services, with a tunnel its terminations (netbox models, on_delete=CASCADE); an
address that is a termination's outside address it refuses to delete.
"""

from collections.abc import Iterator, Mapping, Sequence

from clients.netbox.api import NetBox
from clients.netbox.fields import ApiObject
from clients.netbox.kinds import INTERFACE, IP_ADDRESS, SERVICE, TERMINATION, TUNNEL, VIRTUAL_MACHINE
from clients.netbox.mark import Mark
from clients.netbox.observe import carries
from vpn.errors import OwnershipError, listed

HANGING = (
    (VIRTUAL_MACHINE, INTERFACE, "virtual_machine_id"),
    (VIRTUAL_MACHINE, SERVICE, "virtual_machine_id"),
    (INTERFACE, IP_ADDRESS, "vminterface_id"),
    (INTERFACE, TERMINATION, "vminterface_id"),
    (TUNNEL, TERMINATION, "tunnel_id"),
    (IP_ADDRESS, TERMINATION, "outside_ip_id"),
)
"""Kinds whose removal removes others or is refused for them, and the filter that finds those."""


def refuse_dependents(netbox: NetBox, mark: Mark, raw: Mapping[str, Sequence[ApiObject]]) -> None:
    """Raise OwnershipError naming what hangs on our objects and is not ours."""
    names = [*_hanging(netbox, mark, raw), *_counted(raw)]
    if names:
        raise OwnershipError(
            f"NetBox: nothing is removed, for on this stack's records hangs {listed(names)} without the"
            f" tag {mark.text!r}; move or remove it, then destroy again"
        )


def _hanging(netbox: NetBox, mark: Mark, raw: Mapping[str, Sequence[ApiObject]]) -> Iterator[str]:
    for owner, dependent, by in HANGING:
        ids = [int(each["id"]) for each in raw[owner.name]]
        for found in netbox.find(dependent.path, **{by: ids}) if ids else ():
            if not carries(found, mark):
                yield f"{dependent.words} {found.get('display')!r} (id {found['id']})"


def _counted(raw: Mapping[str, Sequence[ApiObject]]) -> Iterator[str]:
    """Name what NetBox counts for us, so that no permission to see it is needed."""
    for machine in raw[VIRTUAL_MACHINE.name]:
        if machine.get("virtual_disk_count"):
            yield f"the virtual disks of {machine.get('name')!r}"
    for interface in raw[INTERFACE.name]:
        if interface.get("count_fhrp_groups"):
            yield f"the FHRP groups of interface {interface.get('name')!r}"
        if interface.get("l2vpn_termination"):
            yield f"the L2VPN termination of interface {interface.get('name')!r}"
