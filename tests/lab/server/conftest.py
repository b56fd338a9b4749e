"""A site of its own with one running container, and one server on it that the tests share."""

import os
from collections.abc import Iterator

import pytest

from lab import lifecycle
from lab.container_spec import ContainerSpec, Nic
from lab.containers import Containers
from lab.peers import Peers
from lab.site import Site
from lab.templates import ensure_template
from tests.lab.bare_site.way_in import ADDRESS, VMID, await_ssh, checkout
from tests.lab.server.live import Live, configs, version


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A checkout of its own, whose site is gone afterwards."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    one = checkout(tmp_path_factory.mktemp("a server"))
    try:
        lifecycle.start(one)
        yield one
    finally:
        lifecycle.down(one)


@pytest.fixture(scope="package")
def containers(site: Site) -> Containers:
    """The containers of the site."""
    return Containers(site)


@pytest.fixture(scope="package")
def fresh(site: Site, containers: Containers) -> Live:
    """A container as the template makes it."""
    nic = Nic("eth0", "vmbr0", "BC:24:11:00:40:90", f"{ADDRESS}/16", "192.168.10.1")
    keys = ((site.keys / "jump.pub").read_text(),)
    spec = ContainerSpec(VMID, "wireguard", 1024, 512, 1, 8, (nic,), ssh_public_keys=keys)
    containers.create(spec, ensure_template(site))
    containers.start(VMID)
    await_ssh(site)
    return Live(site)


@pytest.fixture(scope="package")
def installed(fresh: Live, site: Site) -> Live:
    """The container with the server on it, and its peers connected."""
    fresh.apply(version())
    Peers(site).connect_all(configs(version()))
    return fresh


@pytest.fixture
def server(installed: Live) -> Live:
    """The server as every test finds it."""
    installed.apply(version())
    return installed
