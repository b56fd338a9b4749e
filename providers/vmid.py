"""Who has a VMID: nobody, a stranger, or this stack, told by the notes of the container and by its MAC address."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clients import property_string
from clients.proxmox import Guest, Proxmox
from vpn import marks
from vpn.errors import NotFound, OwnershipError, StackError

GIB = 2**30
UNITS = {"K": 2**10, "M": 2**20, "G": GIB, "T": 2**40}
"""Proxmox VE's units of a disk's size; a number without one is bytes."""
FORGET = (
    "take it out of the state (pulumi state delete --force --target-dependents URN, URN being the ContainerClaim's in "
    "pulumi stack --show-urns); a new one needs another container_id"
)
"""What to do about a container of ours that is gone: the claim, and so all that hangs on it, is forgotten."""
UNMARKED = (
    "is taken by {found}, whose notes have no line `{mark}`. If it is this stack's container: put that line back into "
    "its notes. If another made it, ours is gone: " + FORGET
)
"""What is said of a container under the VMID of ours, without the line that makes it ours."""
HELD = "{found} has {held} in Proxmox VE. It would be stopped and then not be removed. {way} first"
"""What is said of a container that Proxmox VE does not remove, which it only tells once the container is stopped."""
WAYS = {"lock": "Wait for what holds it, or pct unlock {vmid}", "protection": "pct set {vmid} --protection 0"}
"""What keeps a container from being removed, by its name in the configuration, each with the way out."""
STRANGE = "is taken by {found}, which this stack did not make; choose another"


@dataclass(frozen=True)
class Holder:
    """The guest that has a VMID; `config` is a container's configuration, empty for a VM."""

    guest: Guest
    config: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        kind = "CT" if self.guest.kind == "lxc" else "VM"
        return f"{kind} {self.guest.name!r} on node {self.guest.node}"

    def bears(self, mark: str) -> bool:
        """Whether the line that makes a container ours is in its notes."""
        return marks.is_in(str(self.config.get("description", "")), mark)

    def is_instance(self, mac_address: str) -> bool:
        """Whether it is the container whose first interface has this MAC address."""
        own = property_string.parse(str(self.config.get("net0", ""))).get("hwaddr", "")
        return bool(mac_address) and own.lower() == mac_address.lower()

    @property
    def unprivileged(self) -> bool:
        """Whether its root is nobody on the node."""
        return str(self.config.get("unprivileged", 0)) == "1"

    @property
    def root_storage(self) -> str | None:
        """The storage of the root disk; None when it is not told."""
        return _root(self.config).get("", "").partition(":")[0] or None

    @property
    def root_gib(self) -> float:
        """The size of the root disk in GiB; 0 when it is not told."""
        return root_gib(self.config)


def root_gib(config: Mapping[str, Any]) -> float:
    """Return the size of a container's root disk in GiB by its configuration; 0 when it is not told."""
    size = _root(config).get("size", "") or "0"
    number = size.rstrip("KMGT")
    return float(number) * UNITS.get(size[len(number) :], 1) / GIB


def _root(config: Mapping[str, Any]) -> dict[str, str]:
    return property_string.parse(str(config.get("rootfs", "")))


def unmarked(found: Holder, mark: str, *, known: bool) -> str:
    """Say what to do about a guest without our mark; `known` is whether our container had that VMID."""
    if former := marks.former_name(str(found.config.get("description", "")), mark):
        return f"is taken by {found}, which {marks.RENAMED.format(former=former)}"
    kept = known and found.guest.kind == "lxc"
    return UNMARKED.format(found=found, mark=mark) if kept else STRANGE.format(found=found)


def held(found: Holder) -> Iterator[str]:
    """Say what keeps a container from being removed, and the way out of each."""
    for name, way in WAYS.items():
        if (value := found.config.get(name)) not in (None, 0, "0"):
            yield HELD.format(found=found, held=f"{name}: {value}", way=way.format(vmid=found.guest.vmid))


def refuse_held(found: Holder) -> None:
    """Raise StackError for a container that cannot be removed as it is."""
    if said := [*held(found)]:
        raise StackError("; ".join(said))


def ours(api: Proxmox, vmid: int, mark: str) -> Holder | None:
    """Return the container with our mark that has the VMID, else None. Raises as `holder`."""
    found = holder(api, vmid)
    return found if found and found.bears(mark) else None


def holder(api: Proxmox, vmid: int) -> Holder | None:
    """Return who has the VMID, None when it is free. OwnershipError for a guest that the token may not see."""
    if api.vmid_is_free(vmid):
        return None
    guest = next((guest for guest in api.guests() if guest.vmid == vmid), None)
    if guest is None:
        raise OwnershipError(f"VMID {vmid} is taken by a guest that this token may not see")
    try:
        return Holder(guest, api.config(guest.node, vmid) if guest.kind == "lxc" else {})
    except NotFound:  # it went in this moment
        return None
