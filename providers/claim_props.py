"""What the claim holds, and how far it came true: the claim is changed ahead of the container."""

from pydantic import BaseModel, ConfigDict

from clients.proxmox import Proxmox
from providers.props import Props
from providers.vmid import Holder, ours
from vpn.errors import OwnershipError


class Place(BaseModel):
    """Where a container is, as far as Proxmox's plugin makes it anew to change it."""

    model_config = ConfigDict(frozen=True)

    node: str
    container_id: int
    storage_pool: str
    pool: str | None = None


class ClaimProps(Props):
    """What a container cannot change without being made anew; `mark` is the line that makes a guest ours.

    The claim runs ahead of the container: `former` is where that was before a change that was not seen to succeed yet.
    """

    endpoint: str | None = None
    node: str
    container_id: int
    storage_pool: str
    unprivileged: bool = True
    pool: str | None = None
    disk_gb: int
    allow_replacement: bool = False
    mark: str = ""
    former: Place | None = None

    @property
    def place(self) -> Place:
        """Where the container is to be."""
        return Place.model_validate(self, from_attributes=True)

    @property
    def last(self) -> Place:
        """Where Proxmox's plugin may have the container."""
        return self.former or self.place


def settled(api: Proxmox, old: ClaimProps | None) -> ClaimProps | None:
    """Return the state's values as far as they came true: of a replacement that failed, what it was to replace.

    Told by what the container has of its former place, not by what differs from the new one: that may be a hand's
    work, which Proxmox's plugin knows nothing of. As long as our container is nowhere, nothing is settled.
    """
    if old is None or old.former is None:
        return old
    found = seen(api, old.container_id, old.mark) or seen(api, old.former.container_id, old.mark)
    if found is None:
        return old
    real = Place(
        node=found.guest.node,
        container_id=found.guest.vmid,
        storage_pool=found.root_storage or old.storage_pool,
        pool=found.guest.pool,
    )
    kept = {name: value for name, value in old.former if getattr(real, name) == value}
    return old.with_(former=None, **kept)


def vanished(api: Proxmox, old: ClaimProps | None, endpoint: str | None) -> bool:
    """Whether a replacement removed the container and did not make the new one: there is nothing left to empty.

    Told only of the cluster the container was on.
    """
    if old is None or old.former is None or old.endpoint not in (None, endpoint):
        return False
    return all(api.vmid_is_free(vmid) for vmid in {old.container_id, old.former.container_id})


def seen(api: Proxmox, vmid: int, mark: str) -> Holder | None:
    """Return our container if it has the VMID; a guest that the token may not see is none of ours."""
    try:
        return ours(api, vmid, mark)
    except OwnershipError:
        return None


def former(before: ClaimProps | None, new: ClaimProps) -> Place | None:
    """Return where Proxmox's plugin may still have the container once it was asked for what is new."""
    return before.last if before and before.last != new.place else None
