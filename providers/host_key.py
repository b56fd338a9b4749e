"""The container's SSH host key: given, or seen once and held to from then on.

The key belongs to an instance of the container (its MAC address): a container made anew has a new
key and is looked at again; the same container with another key stops the run.
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
    """Looks at the host once, when the resource is made."""

    props = HostKeyProps
    replace_on = frozenset({"instance", "given"})

    def on_check(self, old: HostKeyProps | None, new: HostKeyProps) -> HostKeyProps:
        """Know a given key before the container is there."""
        del old
        return new.with_(key=new.given) if new.given else new

    def on_diff(self, old: HostKeyProps, new: HostKeyProps) -> set[str]:
        """Only another instance or another given key counts, not the way there.

        An instance that preview does not know yet is most likely the same one.
        """
        changed = {"given"} if new.given != old.given else set()
        moved = "instance" not in new.unknown and new.instance != old.instance
        return changed | ({"instance"} if moved else set())

    def on_create(self, new: HostKeyProps) -> tuple[str, HostKeyProps]:
        """Take the given key, or ask the host through the jump host, without logging in."""
        jump = new.jump.way() if new.jump else None
        key = new.given or scan_host_key(new.address, new.port, jump=jump, patience=PATIENCE_SECONDS)
        return new.instance or new.address, new.with_(key=key)

    def on_read(self, id_: str, old: HostKeyProps) -> HostKeyProps:
        """Observe nothing: what was pinned stays pinned, and every login compares."""
        del id_
        return old


class HostKey(Resource, module="vpn", name="HostKey"):
    """The host key that every login on the server must show, as `type key`."""

    key: pulumi.Output[str]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        super().__init__(HostKeyProvider(), name, {"key": None, **props}, opts)
