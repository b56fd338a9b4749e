"""The claim on a VMID, proven at preview: before anything is made, nothing foreign can be taken over.

The Proxmox plugin alone treats `already exists` of a retried creation as success: it would adopt a
stranger's guest and a later destroy would remove it. It also replaces a container, with an empty
disk, for changes that look small, in the configuration or made by hand on the node and seen by a refresh. All of
it stops here, in `check`.
"""

import math
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.proxmox import Proxmox
from providers import connections
from providers.base import Provider
from providers.claim_checks import elsewhere, judged
from providers.claim_props import ClaimProps, settled
from providers.vmid import Holder, ours, refuse_held
from vpn.errors import ConfigError, StackError

SHUTDOWN_SECONDS = 60


class ContainerClaimProvider(Provider[ClaimProps]):
    """Looks, and refuses; it makes nothing, and at the end removes the container the claim was for."""

    props = ClaimProps
    computed = frozenset({"former"})

    def on_check(self, old: ClaimProps | None, new: ClaimProps) -> ClaimProps:
        """Refuse with every problem at once, each by its config key."""
        former, problems = judged(old, new)
        if problems:  # of a key that has two, what the cluster says: it knows better than the state
            raise ConfigError({problem.key: problem for problem in problems}.values())
        return new.with_(former=former)

    def on_create(self, new: ClaimProps) -> tuple[str, ClaimProps]:
        """Keep what was proven."""
        return f"{new.node}/{new.container_id}", new

    def on_read(self, id_: str, old: ClaimProps) -> ClaimProps:
        """Observe what the plugin replaces for afterwards, if it sees it in a refresh: root disk and privilege."""
        del id_
        with connections.proxmox() as api:
            old = settled(api, old) or old
            found = ours(api, old.container_id, old.mark)
        if found is None:
            return old
        if found.guest.node != old.node:
            raise StackError(f"proxmox_node: {old.node}: {elsewhere(found)}")
        size = math.ceil(found.root_gib) or old.disk_gb
        storage = found.root_storage or old.storage_pool
        return old.with_(storage_pool=storage, disk_gb=size, unprivileged=found.unprivileged)

    def on_delete(self, id_: str, old: ClaimProps) -> None:
        """Remove the container if it carries our mark: the plugin's own delete fails at one that is gone.

        A guest that another made under the VMID since then stays as it is. That ours has lost its mark, the server's
        state says before this. Where a replacement failed, ours is under the former VMID; never are there two.
        """
        del id_
        with connections.proxmox() as api:
            found = ours(api, old.container_id, old.mark)
            if found is None and old.former:
                found = ours(api, old.former.container_id, old.mark)
            if found:
                _remove(api, found)


def _remove(api: Proxmox, found: Holder) -> None:
    """Stop and remove a container. Raises StackError, before it is stopped, for one that is held in Proxmox VE."""
    refuse_held(found)
    guest = found.guest
    if api.running(guest.node, guest.vmid):
        api.shutdown(guest.node, guest.vmid, SHUTDOWN_SECONDS)
    api.destroy(guest.node, guest.vmid)


class ContainerClaim(Resource, module="vpn", name="ContainerClaim"):
    """Proof, before anything else, that the VMID may be used."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerClaimProvider(), name, props, opts)
