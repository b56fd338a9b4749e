"""What must hold before a container is made, changed or replaced, on Proxmox VE and against the state."""

import math
from collections.abc import Iterator

from clients.proxmox import Proxmox
from providers import connections
from providers.claim_props import ClaimProps, Place, former, seen, settled, vanished
from providers.vmid import FORGET, Holder, held, holder, unmarked
from vpn.errors import (
    ConfigError,
    Forbidden,
    OwnershipError,
    Problem,
    TlsFailure,
    Unauthorized,
    Unreachable,
)

REPLACES = ("node", "container_id", "storage_pool", "unprivileged", "pool")
KEYS = {"node": "proxmox_node"}
"""Config keys of inputs that are named otherwise."""
EMPTIES = (
    "is {old} in the running container; changing it makes a new, empty one. If you want that: take a backup, "
    "set allow_replacement: true and protect: false, run up, and set both back"
)
GROWS = " (a disk only grows in place)"
KEEPS = ". To keep what was changed on the node: run pulumi refresh, then set {key}: {old}"
PRIVILEGED = (
    "is false of {found}: a hand made it privileged, and to change that back makes a new, empty one. Restore it as it "
    "has to be: pct restore {vmid} BACKUP --unprivileged 1 --force 1, then pulumi refresh. If you want a new one: set "
    "allow_replacement: true and protect: false, run up, and set both back"
)
LOST = "{said}; Proxmox's plugin would remove it in place of this stack's container. That one is gone: " + FORGET
ELSEWHERE = (
    "has no container of this stack under VMID {vmid}; is it another cluster? The one at {before} would run on: first "
    "pulumi destroy with that address. If there is none, set allow_replacement: true and run pulumi up --refresh"
)
MOVED = (
    "has this stack's container already, but the state has it on {before}: the change would make a new, empty one. "
    "Tell the state first: pulumi stack export --file FILE, in it node and nodeName {here} for {before}, "
    "pulumi stack import --file FILE"
)


OUTSIDE = (
    "does not have this stack's container, {found}: the pool's backup job passes it over, and the token's rights do "
    "not reach it. An administrator has to put it back: pveum pool modify {pool} --vms {vmid}"
)
ANEW = (
    "would be needed: this stack's container, {found}, is there, and its claim is made anew. Where --replace or a "
    "taint replaces the claim, the old one's end would remove the container: leave --replace out, or pulumi state "
    "untaint URN, URN being the ContainerClaim's in pulumi stack --show-urns. If the state has lost the claim, get the "
    "state back first: wgvpn keys restore"
)


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


def judged(old: ClaimProps | None, new: ClaimProps) -> tuple[Place | None, list[Problem]]:
    """Return where the container may still be when all is done, and everything that stands against the change.

    Proves that the API answers, the token works, the node exists and the VMID is free, or ours and as we left it.
    """
    try:
        with connections.proxmox() as api:
            api.version()
            before = settled(api, old)
            problems = [
                *(() if vanished(api, before, new.endpoint) else replacement_problems(before, new)),
                *_node_problems(api, new),
                *_vmid_problems(api, before, new),
                *_lost_problems(api, before, new),
                *_removal_problems(api, before, new),
            ]
            return former(before, new), problems
    except ConfigError as error:  # nothing is configured to ask with
        return None, [*replacement_problems(old, new), *error.problems]
    except Unauthorized:
        problem = Problem("proxmox_api_token", None, "is not accepted by Proxmox VE: wrong, expired or deleted")
    except Forbidden as error:
        problem = Problem("proxmox_api_token", None, f"may not do what is needed: {error}")
    except (Unreachable, TlsFailure) as error:
        problem = Problem("proxmox_endpoint", new.endpoint, str(error))
    return None, [*replacement_problems(old, new), problem]


def _renewal_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that the claim itself is made anew beside our container; of a replacement the engine shows no old values."""
    if old is None and not new.allow_replacement:
        yield Problem("allow_replacement", "true", ANEW.format(found=found))


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
        yield from _cluster_problems(old, new)
        return
    if not found.bears(new.mark):
        known = old is not None and old.container_id == vmid
        yield Problem("container_id", str(vmid), unmarked(found, new.mark, known=known))
        return
    yield from _renewal_problems(found, old, new)
    yield from _place_problems(found, old, new)
    yield from _pool_problems(found, old, new)
    if not new.allow_replacement:
        yield from _privilege_problems(found, new)
        yield from _disk_problems(found, old, new)


def _cluster_problems(old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that another address does not lead to our container: it may be the same cluster's, or another's."""
    if old and old.endpoint and old.endpoint != new.endpoint and not new.allow_replacement:
        words = ELSEWHERE.format(vmid=new.container_id, before=old.endpoint)
        yield Problem("proxmox_endpoint", new.endpoint, words)


def _lost_problems(api: Proxmox, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that another has the VMID our container had: Proxmox's plugin, which asks for no mark, would remove it."""
    if old is None or old.last.container_id == new.container_id:
        return
    vmid = old.last.container_id
    try:
        found = holder(api, vmid)
        said = f"VMID {vmid} is now taken by {found}" if found and not found.bears(new.mark) else ""
    except OwnershipError as error:
        said = str(error)
    if said:
        yield Problem("container_id", str(new.container_id), LOST.format(said=said))


def _removal_problems(api: Proxmox, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that the container to be replaced could not be removed: Proxmox's plugin stops it before it finds out."""
    if old is None or not new.allow_replacement or not _replaces(old, new):
        return
    found = seen(api, old.last.container_id, new.mark)
    for said in held(found) if found else ():
        yield Problem("allow_replacement", "true", f"cannot make it anew: {said}")


def _replaces(old: ClaimProps, new: ClaimProps) -> bool:
    return old.last != new.place or old.unprivileged != new.unprivileged or new.disk_gb < old.disk_gb


def _place_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that our container is on another node than asked, or than the state and so the plugin believe."""
    before, now = old.node if old else new.node, found.guest.node
    if now not in (before, new.node):
        yield Problem("proxmox_node", new.node, elsewhere(found))
    elif now == new.node != before:
        yield Problem("proxmox_node", new.node, MOVED.format(here=now, before=before))


def _pool_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say that our container was taken out of its pool: no token that goes by the pool can put it back."""
    before = old or new
    if new.pool and before.pool == new.pool != found.guest.pool:
        yield Problem("pool", new.pool, OUTSIDE.format(found=found, pool=new.pool, vmid=found.guest.vmid))


def _privilege_problems(found: Holder, new: ClaimProps) -> Iterator[Problem]:
    if new.unprivileged and not found.unprivileged:
        yield Problem("unprivileged", "true", PRIVILEGED.format(found=found, vmid=new.container_id))


def _disk_problems(found: Holder, old: ClaimProps | None, new: ClaimProps) -> Iterator[Problem]:
    """Say what was changed on the node and is not in the state yet; what is there differs from the state's value."""
    before = old or new
    if before.storage_pool == new.storage_pool != (found.root_storage or new.storage_pool):
        yield _observed("storage_pool", new.storage_pool, found.root_storage)
    if before.disk_gb <= new.disk_gb < found.root_gib:
        yield _observed("disk_gb", new.disk_gb, math.ceil(found.root_gib))


def _observed(key: str, wanted: object, present: object) -> Problem:
    return Problem(key, str(wanted), EMPTIES.format(old=present) + KEEPS.format(key=key, old=present))


def elsewhere(found: Holder) -> str:
    """Say that our container is on another node than the state has."""
    return f"does not have this stack's container: it is {found}. Migrate it back, or set proxmox_node to that node"
