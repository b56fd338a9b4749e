"""What Pulumi's engine does with the two NetBox resources, over the real plugin host."""

from typing import Any

from clients.netbox import Peer, Server, wanted
from providers.netbox import RegistrationProvider, ReservationProvider
from tests.providers.engine import Managed, Writer
from tests.providers.host import Host

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


class Stack:
    """Reservation and Registration of one server, as `pulumi up`, `refresh` and `destroy` treat them."""

    def __init__(self, host: Host, url: str, *, adopt: bool = False, mark: str = MARK) -> None:
        self.common = {"url": url, "mark": mark, "adopt": adopt}
        self.reservation = Managed(host, ReservationProvider())
        self.registration = Writer(host, RegistrationProvider())

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
