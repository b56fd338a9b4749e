"""A site of its own with one running container, shared by the tests of this folder."""

from collections.abc import Iterator

import pytest

from lab import lifecycle
from lab.container_spec import ContainerSpec, Nic
from lab.containers import Containers
from lab.site import Site
from lab.templates import ensure_template
from tests.lab.bare_site.way_in import ADDRESS, VMID, await_ssh, checkout, host_network


@pytest.fixture(scope="package")
def host_before() -> str:
    return host_network()


@pytest.fixture(scope="package")
def site(tmp_path_factory: pytest.TempPathFactory, host_before: str) -> Iterator[Site]:  # noqa: ARG001 - order matters
    """A checkout of its own, at a path with a space, whose site is gone afterwards."""
    one = checkout(tmp_path_factory.mktemp("a checkout"))
    try:
        lifecycle.start(one)
        yield one
    finally:
        lifecycle.down(one)


@pytest.fixture(scope="package")
def containers(site: Site) -> Containers:
    return Containers(site)


@pytest.fixture(scope="package")
def spec(site: Site) -> ContainerSpec:
    nic = Nic("eth0", "vmbr0", "BC:24:11:00:30:90", f"{ADDRESS}/16", "192.168.10.1")
    keys = ((site.keys / "jump.pub").read_text(),)
    return ContainerSpec(VMID, "rehearsal", 512, 512, 1, 8, (nic,), ssh_public_keys=keys)


@pytest.fixture(scope="package")
def container(site: Site, containers: Containers, spec: ContainerSpec) -> int:
    containers.create(spec, ensure_template(site))
    containers.start(VMID)
    await_ssh(site)
    return VMID
