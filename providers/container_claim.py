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

from providers import connections
from providers.base import Provider
from providers.claim_checks import ClaimProps, elsewhere, replacement_problems, site_problems
from providers.vmid import holder
from vpn.errors import ConfigError, StackError

SHUTDOWN_SECONDS = 60


class ContainerClaimProvider(Provider[ClaimProps]):
    """Looks, and refuses; it makes nothing, and at the end removes the container the claim was for."""

    props = ClaimProps

    def on_check(self, old: ClaimProps | None, new: ClaimProps) -> ClaimProps:
        """Refuse with every problem at once, each by its config key."""
        problems = [*replacement_problems(old, new), *site_problems(old, new)]
        if problems:  # of a key that has two, what the cluster says: it knows better than the state
            raise ConfigError({problem.key: problem for problem in problems}.values())
        return new

    def on_create(self, new: ClaimProps) -> tuple[str, ClaimProps]:
        """Keep what was proven."""
        return f"{new.node}/{new.container_id}", new

    def on_read(self, id_: str, old: ClaimProps) -> ClaimProps:
        """Observe the root disk as the plugin does: what it sees in a refresh is what it replaces for afterwards."""
        del id_
        with connections.proxmox() as api:
            found = holder(api, old.container_id)
        if found is None or not found.bears(old.mark):
            return old
        if found.guest.node != old.node:
            raise StackError(f"proxmox_node: {old.node}: {elsewhere(found)}")
        size = math.ceil(found.root_gib) or old.disk_gb
        return old.with_(storage_pool=found.root_storage or old.storage_pool, disk_gb=size)

    def on_delete(self, id_: str, old: ClaimProps) -> None:
        """Remove the container if it carries our mark: the plugin's own delete fails at one that is gone.

        A guest that another made under the VMID since then stays as it is. That ours has lost its mark, the server's
        state says before this.
        """
        del id_
        with connections.proxmox() as api:
            found = holder(api, old.container_id)
            if found is None or not found.bears(old.mark):
                return
            node = found.guest.node
            if api.running(node, old.container_id):
                api.shutdown(node, old.container_id, SHUTDOWN_SECONDS)
            api.destroy(node, old.container_id)


class ContainerClaim(Resource, module="vpn", name="ContainerClaim"):
    """Proof, before anything else, that the VMID may be used."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerClaimProvider(), name, props, opts)
