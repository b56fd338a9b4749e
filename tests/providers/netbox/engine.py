"""What Pulumi's engine does with the two NetBox resources, over the real plugin host."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.dynamic import ResourceProvider

from clients.netbox import Peer, Server, wanted
from providers.netbox import RegistrationProvider, ReservationProvider
from tests.providers.host import Host, HostError

MARK = "pulumi: wireguard-vpn/test/0a1b2c3d4e5f"
PEERS = (Peer("alice-laptop", ("10.8.0.2/32", "fd00:8::2/128")), Peer("bob", ("10.8.0.3/32",)))
SERVER = Server(
    stack="wireguard-vpn/test",
    name="wireguard",
    domain="infra.local",
    site="main",
    cluster="pve",
    role="vpn-server",
    vmid=2090,
    node="pve",
    cores=1,
    memory_mb=1024,
    disk_gb=8,
    management=("192.168.20.90/16", "fd00:20::90/64"),
    dhcp=False,
    interface="wg0",
    tunnel=("10.8.0.1/24", "fd00:8::1/64"),
    port=51820,
    mtu=1420,
    onboot=True,
    peers=PEERS,
)


class CheckFailed(Exception):
    """The engine stops at preview; the text is all failures."""


@dataclass
class Managed:
    """One resource with its state."""

    host: Host
    provider: ResourceProvider
    id: str = ""
    inputs: dict[str, Any] = field(default_factory=dict)
    outs: dict[str, Any] = field(default_factory=dict)

    def preview(self, news: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
        """Return the step the engine would take, and the checked inputs; raises CheckFailed."""
        inputs, failures = self.host.check(self.provider, self.inputs, news)
        if failures:
            raise CheckFailed("; ".join(f"{name}: {said}" for name, said in failures.items()))
        if not self.id:
            return "create", inputs
        diff = self.host.diff(self.provider, self.outs, inputs, self.id)
        assert not diff.replaces
        return ("update" if diff.changes else "same"), inputs

    def up(self, news: Mapping[str, Any]) -> str:
        """Bring it to `news` and return the step taken; raises CheckFailed and HostError."""
        step, inputs = self.preview(news)
        if step == "create":
            self.id, self.outs = self.host.create(self.provider, inputs)
        elif step == "update":
            self.outs = self.host.update(self.provider, self.id, self.outs, inputs)
        self.inputs = inputs
        return step

    def refresh(self) -> None:
        """Take over what is observed; forget the resource when it is gone."""
        if self.id:
            self.id, self.outs, self.inputs = self.host.read(self.provider, self.id, self.outs)

    def destroy(self) -> None:
        """Remove it."""
        if self.id:
            self.host.delete(self.provider, self.id, self.outs)
            self.id, self.inputs, self.outs = "", {}, {}


class Stack:
    """Reservation and Registration of one server, as `pulumi up`, `refresh` and `destroy` treat them."""

    def __init__(self, host: Host, url: str, *, adopt: bool = False, mark: str = MARK) -> None:
        self.common = {"url": url, "mark": mark, "adopt": adopt}
        self.reservation = Managed(host, ReservationProvider())
        self.registration = Managed(host, RegistrationProvider())

    def run_by(self, host: Host) -> None:
        """Go on in another plugin process, as every run of Pulumi does."""
        self.reservation.host = self.registration.host = host

    def up(self, server: Server = SERVER) -> tuple[str, str]:
        """Return the step taken for each resource."""
        return self.reservation.up(self.place(server)), self.registration.up(self.records(server))

    def refresh(self) -> None:
        """Observe both."""
        self.reservation.refresh()
        self.registration.refresh()

    def destroy(self) -> None:
        """Remove both, in the engine's order."""
        self.registration.destroy()
        self.reservation.destroy()

    def place(self, server: Server) -> dict[str, Any]:
        """Return the program's inputs of the reservation."""
        where = {"machine": server.name, "site": server.site, "cluster": server.cluster, "role": server.role}
        return {**self.common, **where}

    def records(self, server: Server) -> dict[str, Any]:
        """Return the program's inputs of the registration."""
        return {**self.common, "records": wanted(server)}


def error_of(action: Any, *args: Any) -> str:
    """Return the one error that an action ends with."""
    try:
        action(*args)
    except (HostError, CheckFailed) as error:
        return str(error)
    raise AssertionError("no error")
