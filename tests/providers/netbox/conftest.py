from collections.abc import Iterator

import pytest

from clients.netbox.kinds import KINDS
from lab.commands import progress
from lab.services.netbox_image import image
from lab.site import Site
from tests.faults.proxy import FaultyProxy
from tests.providers.host import Host
from tests.providers.netbox.engine import Stack
from tests.providers.netbox.server import NetBoxServer


@pytest.fixture(scope="session")
def netbox() -> Iterator[NetBoxServer]:
    """One NetBox for the session."""
    progress("Starting NetBox")
    with NetBoxServer(image(site := Site.of()).tree(site)) as server:
        yield server


@pytest.fixture
def clean(netbox: NetBoxServer) -> Iterator[NetBoxServer]:
    """The same, as it was before the test when the test is over."""
    yield netbox
    wipe(netbox)


@pytest.fixture(scope="module")
def between(netbox: NetBoxServer) -> Iterator[FaultyProxy]:
    """The proxy that a standing stack talks through."""
    with FaultyProxy(netbox.url) as running:
        yield running


@pytest.fixture(scope="module")
def standing(netbox: NetBoxServer, between: FaultyProxy) -> Iterator[Stack]:
    """A stack that is up, for a module whose tests leave it as they found it."""
    with Host({"NETBOX_TOKEN": "", "NETBOX_URL": ""}) as running:
        running.configure({"wireguard-vpn:netbox_token": netbox.program_token})
        made = Stack(running, between.url)
        assert made.up() == ("create", "create")
        yield made
    wipe(netbox)


def wipe(netbox: NetBoxServer) -> None:
    """Remove whatever is in NetBox of the kinds we make."""
    for path in [*(kind.path for kind in reversed(KINDS)), "extras/tags"]:
        if found := netbox.all(path):
            netbox.delete(f"{path}/", [{"id": each["id"]} for each in found])


@pytest.fixture
def proxy(clean: NetBoxServer) -> Iterator[FaultyProxy]:
    """A proxy in front of NetBox that records and, when told, breaks requests."""
    with FaultyProxy(clean.url) as running:
        yield running


@pytest.fixture
def nowhere() -> Iterator[FaultyProxy]:
    """A proxy without a NetBox behind it, for what must not get that far."""
    with FaultyProxy("http://127.0.0.1:9") as running:
        yield running


@pytest.fixture
def host(netbox: NetBoxServer) -> Iterator[Host]:
    """Pulumi's plugin host with the program's token in the stack's config."""
    with Host({"NETBOX_TOKEN": "", "NETBOX_URL": ""}) as running:
        running.configure({"wireguard-vpn:netbox_token": netbox.program_token})
        yield running


@pytest.fixture
def stack(host: Host, proxy: FaultyProxy) -> Stack:
    """The stack under test, talking to NetBox through the proxy."""
    return Stack(host, proxy.url)


@pytest.fixture
def adopting(host: Host, proxy: FaultyProxy) -> Stack:
    """The same with netbox_adopt."""
    return Stack(host, proxy.url, adopt=True)
