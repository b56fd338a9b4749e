"""Proof that a change of the container arrived, and the repair when it did not.

Proxmox's plugin stores the new values of a change that failed (its answer cut off, a timeout, an error of the
API), so the next `up` finds nothing left to do and what never arrived would count as done. This resource comes after
the container and its firewall with the same values: as long as it was not updated, what they were to become
is looked up on the node, and what is missing is set.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.proxmox import Proxmox
from providers import connections
from providers.base import Provider
from providers.props import Props


class ProofProps(Props):
    """What the container has to be, in Proxmox VE's own names and values.

    Without `firewall` nothing is asked of its options.
    """

    node: str
    container_id: int
    config: dict[str, str]
    firewall: dict[str, str] = {}


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
    config = differing(new.config, api.config(new.node, new.container_id))
    if config:
        api.configure(new.node, new.container_id, **config)
    options = differing(new.firewall, api.firewall_options(new.node, new.container_id)) if new.firewall else {}
    if options:
        api.set_firewall_options(new.node, new.container_id, options)


def differing(wanted: Mapping[str, str], present: Mapping[str, Any]) -> dict[str, str]:
    """Return what of `wanted` is not so at `present`."""
    return {name: value for name, value in wanted.items() if str(present.get(name, "")) != value}


class ContainerProof(Resource, module="vpn", name="ContainerProof"):
    """After the container and its firewall: what was asked of them is so."""

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(ContainerProofProvider(), name, props, opts)
