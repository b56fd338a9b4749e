"""The claim on a VMID, proven at preview: before anything is made, nothing foreign can be taken over.

The Proxmox plugin alone treats `already exists` of a retried creation as success: it would adopt a
stranger's guest and a later destroy would remove it. It also replaces a container, with an empty
disk, for changes that look small. Both stop here, in `check`.
"""

from collections.abc import Iterator
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.proxmox import Guest, Proxmox
from providers import connections
from providers.base import Provider
from providers.props import Props
from vpn.errors import ConfigError, Forbidden, NotFound, Problem, TlsFailure, Unauthorized, Unreachable

REPLACES = ("node", "container_id", "storage_pool", "unprivileged", "pool")
KEYS = {"node": "proxmox_node"}
"""Config keys of inputs that are named otherwise."""
SHUTDOWN_SECONDS = 60


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
        problems = [*replacement_problems(old, new), *site_problems(new)]
        if problems:
            raise ConfigError(problems)
        return new

    def on_create(self, new: ClaimProps) -> tuple[str, ClaimProps]:
        """Keep what was proven."""
        return f"{new.node}/{new.container_id}", new

    def on_delete(self, id_: str, old: ClaimProps) -> None:
        """Remove the container if it carries our mark: the plugin's own delete fails at one that is gone.

        A guest that another made under the VMID since then stays as it is.
        """
        del id_
        with connections.proxmox() as api:
            guest = Guest(old.container_id, "", old.node, "lxc", "")
            if api.vmid_is_free(old.container_id) or not _is_ours(api, guest, old.mark):
                return
            if api.running(old.node, old.container_id):
                api.shutdown(old.node, old.container_id, SHUTDOWN_SECONDS)
            api.destroy(old.node, old.container_id)


def replacement_problems(old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Name every change that would replace the container by an empty one, unless that is wanted."""
    if old is None or new.allow_replacement:
        return
    rule = (
        "is {old} in the running container; changing it makes a new, empty one. If you want that: take a backup, "
        "set allow_replacement: true and protect: false, run up, and set both back"
    )
    for name in REPLACES:
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield Problem(KEYS.get(name, name), str(after), rule.format(old=before))
    if new.disk_gb < old.disk_gb:
        yield Problem("disk_gb", str(new.disk_gb), rule.format(old=old.disk_gb) + " (a disk only grows in place)")


def site_problems(new: ClaimProps) -> list[Problem]:
    """Prove that the API answers, the token works, the node exists and the VMID is free or ours."""
    try:
        with connections.proxmox() as api:
            api.version()
            return [*_node_problems(api, new), *_vmid_problems(api, new)]
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


def _vmid_problems(api: Proxmox, new: ClaimProps) -> Iterator[Problem]:
    vmid = new.container_id
    if api.vmid_is_free(vmid):
        return
    guest = next((guest for guest in api.guests() if guest.vmid == vmid), None)
    if guest is None:
        yield Problem("container_id", str(vmid), "is taken by a guest that this token may not see; choose another")
    elif not _is_ours(api, guest, new.mark):
        kind = "CT" if guest.kind == "lxc" else "VM"
        words = f"is taken by {kind} {guest.name!r} on node {guest.node}, which this stack did not make; choose another"
        yield Problem("container_id", str(vmid), words)


def _is_ours(api: Proxmox, guest: Guest, mark: str) -> bool:
    if guest.kind != "lxc" or not mark:
        return False
    try:
        description = str(api.config(guest.node, guest.vmid).get("description", ""))
    except NotFound:
        return False
    return mark in description.splitlines()


class ContainerClaim(Resource, module="vpn", name="ContainerClaim"):
    """Proof, before anything else, that the VMID may be used."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerClaimProvider(), name, props, opts)
