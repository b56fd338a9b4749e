"""Proof that a change of the container arrived, and the repair when it did not.

Proxmox's plugin stores the new values of a change that failed (its answer cut off, a timeout, an error of the
API), so the next `up` finds nothing left to do and what never arrived would count as done. This resource comes after
the container and its firewall with the same values: as long as it was not updated, what they were to become
is looked up on the node, and what is missing is set, what is too much taken away.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients import property_string
from clients.proxmox import Proxmox
from providers import connections
from providers.base import Provider
from providers.props import Props
from providers.vmid import root_gib

NIC = "net0"


class ProofProps(Props):
    """What the container has to be, in Proxmox VE's own names and values; empty is what has to be absent.

    `config` are options of the container, `interface` the parts of its `net0` that we set, `firewall` options of its
    firewall, `disk_gb` the root disk's least size. Of what is not named nothing is asked.
    """

    node: str
    container_id: int
    config: dict[str, str]
    interface: dict[str, str] = {}
    firewall: dict[str, str] = {}
    disk_gb: int = 0


class ContainerProofProvider(Provider[ProofProps]):
    """Compares once per change; asks nothing when nothing changes."""

    props = ProofProps

    def on_create(self, new: ProofProps) -> tuple[str, ProofProps]:
        """Hold the container that was just made to what was asked."""
        with connections.proxmox() as api:
            settle(api, new)
        return f"{new.node}/{new.container_id}", new

    def on_update(self, id_: str, old: ProofProps, new: ProofProps) -> ProofProps:
        """Hold the container that was just changed to what was asked."""
        del id_, old
        with connections.proxmox() as api:
            settle(api, new)
        return new


def settle(api: Proxmox, new: ProofProps) -> None:
    """Set what the container is not yet, and nothing else. Raises ClientError."""
    present = api.config(new.node, new.container_id)
    if 0 < root_gib(present) < new.disk_gb:
        api.grow(new.node, new.container_id, new.disk_gb)
    changes = _options(differing(new.config, present)) | _interface(new.interface, str(present.get(NIC, "")))
    if changes:
        api.configure(new.node, new.container_id, **changes)
    options = differing(new.firewall, api.firewall_options(new.node, new.container_id)) if new.firewall else {}
    if options:
        api.set_firewall_options(new.node, new.container_id, options)


def differing(wanted: Mapping[str, str], present: Mapping[str, Any]) -> dict[str, str]:
    """Return what of `wanted` is not so at `present`."""
    return {name: value for name, value in wanted.items() if str(present.get(name, "")) != value}


def _options(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters that make these changes."""
    gone = [name for name, value in changes.items() if not value]
    return {name: value for name, value in changes.items() if value} | ({"delete": ",".join(gone)} if gone else {})


def _interface(wanted: Mapping[str, str], present: str) -> dict[str, str]:
    """Return the interface as it should be, its other parts as they are; nothing when it is so already."""
    parts = property_string.parse(present)
    if not differing(wanted, parts):
        return {}
    return {NIC: property_string.render({name: value for name, value in {**parts, **wanted}.items() if value})}


class ContainerProof(Resource, module="vpn", name="ContainerProof"):
    """After the container and its firewall: what was asked of them is so."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerProofProvider(), name, props, opts)
