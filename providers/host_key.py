"""The container's SSH host key: given, or seen once and held to from then on.

The key belongs to an instance of the container (its MAC address): a container made anew has a new
key and is looked at again; the same container with another key stops the run. All of it is a change in
place: Pulumi replaces nothing that is protected, and a container that was lost has to come back.
"""

from typing import Any

import pulumi
from pulumi.dynamic import Resource

from clients.ssh import scan_host_key
from providers.base import Provider
from providers.props import Props
from providers.ways import Jump

PATIENCE_SECONDS = 120.0
"""How long a container may take until its SSH server answers for the first time."""


class HostKeyProps(Props):
    """`address` of the container, its `instance`, a `given` key, the `jump` host; `key` is the result."""

    address: str = ""
    port: int = 22
    instance: str = ""
    given: str | None = None
    jump: Jump | None = None
    key: str | None = None


class HostKeyProvider(Provider[HostKeyProps]):
    """Looks at the host once for each instance of the container."""

    props = HostKeyProps

    def on_check(self, old: HostKeyProps | None, new: HostKeyProps) -> HostKeyProps:
        """Know a given key before the container is there."""
        del old
        return new.with_(key=new.given) if new.given else new

    def on_diff(self, old: HostKeyProps, new: HostKeyProps) -> set[str]:
        """Another instance or given key counts, and the jump host, so that a key that was rotated out leaves the state.

        The address does not, and an instance that preview does not know yet is most likely the same one.
        """
        found = super().on_diff(old, new) & {"instance", "given", "jump"}
        return found - ({"instance"} & new.unknown)

    def on_create(self, new: HostKeyProps) -> tuple[str, HostKeyProps]:
        """Take the given key, or ask the host through the jump host, without logging in."""
        return new.instance or new.address, new.with_(key=new.given or _seen(new))

    def on_update(self, id_: str, old: HostKeyProps, new: HostKeyProps) -> HostKeyProps:
        """Take the given key, keep the pinned one of the same instance, or ask the new instance for its own."""
        del id_
        pinned = old.key if old.instance == new.instance else None
        return new.with_(key=new.given or pinned or _seen(new))

    def on_read(self, id_: str, old: HostKeyProps) -> HostKeyProps:
        """Observe nothing: what was pinned stays pinned, and every login compares."""
        del id_
        return old


def _seen(new: HostKeyProps) -> str:
    jump = new.jump.way() if new.jump else None
    return scan_host_key(new.address, new.port, jump=jump, patience=PATIENCE_SECONDS)


class HostKey(Resource, module="vpn", name="HostKey"):
    """The host key that every login on the server must show, as `type key`."""

    key: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(HostKeyProvider(), name, {"key": None, **props}, opts)
