"""Proof that a change of the container arrived, and the repair when it did not.

Proxmox's plugin stores the new values of a change that failed (its answer cut off, a timeout, an error of the
API), so the next `up` finds nothing left to do and what never arrived would count as done. This resource comes after
the container and its firewall with the same values: as long as it was not updated, what they were to become
is looked up on the node, and what is missing is set, what is too much taken away. A refresh takes over what the node
has, so that a repair of the plugin's which failed is made good by the next `up` in the same way.
"""

import math
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
from vpn.errors import NotFound, StackError

NIC, FEATURES = "net0", "features"


class ProofProps(Props):
    """What the container has to be, in Proxmox VE's own names and values; empty is what has to be absent.

    `config` are options of the container, `interface` the parts of its `net0` that we set, `firewall` options of its
    firewall, `disk_gb` the root disk's least size. Of what is not named nothing is asked.
    `epoch` is that of their intent.
    """

    node: str
    container_id: int
    config: dict[str, str]
    interface: dict[str, str] = {}
    firewall: dict[str, str] = {}
    disk_gb: int = 0
    epoch: int = 0


class ContainerProofProvider(Provider[ProofProps]):
    """Compares once per change and in each refresh."""

    props = ProofProps

    def on_create(self, new: ProofProps) -> tuple[str, ProofProps]:
        """Hold the container that was just made to what was asked."""
        with connections.proxmox() as api:
            settle(api, new)
        return f"{new.node}/{new.container_id}", new

    def on_read(self, id_: str, old: ProofProps) -> ProofProps | None:
        """Observe what was asked for, and nothing else; a container that is gone has no proof."""
        del id_
        with connections.proxmox() as api:
            if api.vmid_is_free(old.container_id):
                return None
            try:
                return observed(api, old)
            except NotFound:  # somebody else's VM has the VMID: the claim says so
                return None

    def on_update(self, id_: str, old: ProofProps, new: ProofProps) -> ProofProps:
        """Hold the container that was just changed to what was asked."""
        del id_, old
        with connections.proxmox() as api:
            settle(api, new)
        return new


def settle(api: Proxmox, new: ProofProps) -> None:
    """Set what the container is not yet, and nothing else. Raises ClientError; StackError for what no token may set."""
    present = _config(api, new)
    if 0 < root_gib(present) < new.disk_gb:
        api.grow(new.node, new.container_id, new.disk_gb)
    config = differing(new.config, present)
    refusal = _refusal(new, present[FEATURES]) if FEATURES in config else ""
    if refusal:
        del config[FEATURES]
    changes = _options(config) | _interface(new.interface, str(present.get(NIC, "")))
    if changes:
        api.configure(new.node, new.container_id, **changes)
    options = differing(new.firewall, api.firewall_options(new.node, new.container_id)) if new.firewall else {}
    if options:
        api.set_firewall_options(new.node, new.container_id, options)
    if refusal:
        raise StackError(refusal)


def observed(api: Proxmox, old: ProofProps) -> ProofProps:
    """Return the container's values of what `old` asks for; a disk that has grown since is no less than asked."""
    present = _config(api, old)
    firewall = api.firewall_options(old.node, old.container_id) if old.firewall else {}
    return old.with_(
        config=_present(old.config, present),
        interface=_present(old.interface, property_string.parse(str(present.get(NIC, "")))),
        firewall=_present(old.firewall, firewall),
        disk_gb=min(old.disk_gb, math.floor(root_gib(present)) or old.disk_gb),
    )


def _config(api: Proxmox, of: ProofProps) -> dict[str, Any]:
    """Return the container's configuration, its features in one form: those that are on, sorted."""
    present = api.config(of.node, of.container_id)
    on = {name: value for name, value in property_string.parse(str(present.get(FEATURES, ""))).items() if value != "0"}
    return {**present, FEATURES: property_string.render(dict(sorted(on.items())))}


def _rooted(features: str) -> dict[str, str]:
    """Return the features that only root@pam may change: all but nesting (Proxmox VE, check_ct_modify_config_perm)."""
    return {name: value for name, value in property_string.parse(features).items() if name != "nesting"}


def _refusal(new: ProofProps, present: str) -> str:
    """Say that the features are not what was asked, where only root@pam may change them."""
    wanted = new.config[FEATURES]
    if _rooted(wanted) == _rooted(present):
        return ""
    way = f"--features {wanted}" if wanted else "--delete features"
    return (
        f"CT {new.container_id} has the features {present or 'none'} in place of {wanted or 'none'}, and only root@pam "
        f"may change them: pct set {new.container_id} {way}, pct reboot {new.container_id}, then run pulumi up again"
    )


def _present(wanted: Mapping[str, str], present: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(present.get(name, "")) for name in wanted}


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
