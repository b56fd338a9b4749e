"""The claim on a VMID, proven at preview: before anything is made, nothing foreign can be taken over.

The Proxmox plugin alone treats `already exists` of a retried creation as success: it would adopt a
stranger's guest and a later destroy would remove it. It also replaces a container, with an empty
disk, for changes that look small, in the configuration or made by hand on the node and seen by a refresh. All of
it stops here, in `check`.
"""

import math
from collections.abc import Iterator
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.proxmox import Proxmox
from providers import connections
from providers.base import Provider
from providers.props import Props
from providers.vmid import UNMARKED, Holder, holder
from vpn.errors import (
    ConfigError,
    Forbidden,
    OwnershipError,
    Problem,
    StackError,
    TlsFailure,
    Unauthorized,
    Unreachable,
)

REPLACES = ("node", "container_id", "storage_pool", "unprivileged", "pool")
KEYS = {"node": "proxmox_node"}
"""Config keys of inputs that are named otherwise."""
SHUTDOWN_SECONDS = 60
EMPTIES = (
    "is {old} in the running container; changing it makes a new, empty one. If you want that: take a backup, "
    "set allow_replacement: true and protect: false, run up, and set both back"
)
GROWS = " (a disk only grows in place)"
KEEPS = ". To keep what was changed on the node: run pulumi refresh, then set {key}: {old}"
STRANGE = "is taken by {found}, which this stack did not make; choose another"
MOVED = (
    "has this stack's container already, but the state has it on {before}: the change would make a new, empty one. "
    "Tell the state first: pulumi stack export --file FILE, in it node and nodeName {here} for {before}, "
    "pulumi stack import --file FILE"
)


class ClaimProps(Props):
    """What a container cannot change without being made anew; `mark` is the line that makes a guest ours."""

    endpoint: str | None = None
    node: str
    container_id: int
    storage_pool: str
    unprivileged: bool = True
    pool: str | None = None
    disk_gb: int
    allow_replacement: bool = False
    mark: str = ""


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
            raise StackError(f"proxmox_node: {old.node}: {_elsewhere(found)}")
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


def replacement_problems(old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Name every change that would replace the container by an empty one, unless that is wanted."""
    if old is None or new.allow_replacement:
        return
    for name in REPLACES:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Problem(KEYS.get(name, name), str(after), EMPTIES.format(old=before))
    if new.disk_gb < old.disk_gb:
        yield Problem("disk_gb", str(new.disk_gb), EMPTIES.format(old=old.disk_gb) + GROWS)


def site_problems(old: ClaimProps | None, new: ClaimProps) -> list[Problem]:
    """Prove that the API answers, the token works, the node exists and the VMID is free, or ours and as we left it."""
    try:
        with connections.proxmox() as api:
            api.version()
            return [*_node_problems(api, new), *_vmid_problems(api, old, new)]
    except Unauthorized:
        return [Problem("proxmox_api_token", None, "is not accepted by Proxmox VE: wrong, expired or deleted")]
    except Forbidden as error:
        return [Problem("proxmox_api_token", None, f"may not do what is needed: {error}")]
    except (Unreachable, TlsFailure) as error:
        return [Problem("proxmox_endpoint", new.endpoint, str(error))]


def _node_problems(api: Proxmox, new: ClaimProps) -> Iterator[Problem]:
    nodes = api.nodes()
    if new.node not in nodes:
        yield Problem("proxmox_node", new.node, f"is no node of this cluster; there are: {', '.join(sorted(nodes))}")
    elif nodes[new.node] == "offline":
        yield Problem("proxmox_node", new.node, "is offline")


def _vmid_problems(api: Proxmox, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    vmid = new.container_id
    try:
        found = holder(api, vmid)
    except OwnershipError as error:
        yield Problem("container_id", str(vmid), f"{error}; choose another")
        return
    if found is None:
        return
    if not found.bears(new.mark):
        kept = old is not None and old.container_id == vmid and found.guest.kind == "lxc"
        words = UNMARKED.format(found=found, mark=new.mark) if kept else STRANGE.format(found=found)
        yield Problem("container_id", str(vmid), words)
        return
    yield from _place_problems(found, old, new)
    if not new.allow_replacement:
        yield from _disk_problems(found, old, new)


def _place_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that our container is on another node than asked, or than the state and so the plugin believe."""
    before, now = old.node if old else new.node, found.guest.node
    if now not in (before, new.node):
        yield Problem("proxmox_node", new.node, _elsewhere(found))
    elif now == new.node != before:
        yield Problem("proxmox_node", new.node, MOVED.format(here=now, before=before))


def _disk_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say what was changed on the node and is not in the state yet; what is there differs from the state's value."""
    before = old or new
    if before.storage_pool == new.storage_pool != (found.root_storage or new.storage_pool):
        yield _observed("storage_pool", new.storage_pool, found.root_storage)
    if before.disk_gb <= new.disk_gb < found.root_gib:
        yield _observed("disk_gb", new.disk_gb, math.ceil(found.root_gib))


def _observed(key: str, wanted: object, present: object) -> Problem:
    return Problem(key, str(wanted), EMPTIES.format(old=present) + KEEPS.format(key=key, old=present))


def _elsewhere(found: Holder) -> str:
    return f"does not have this stack's container: it is {found}. Migrate it back, or set proxmox_node to that node"


class ContainerClaim(Resource, module="vpn", name="ContainerClaim"):
    """Proof, before anything else, that the VMID may be used."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerClaimProvider(), name, props, opts)
