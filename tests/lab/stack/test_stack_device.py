"""The device that root gives a container for userspace WireGuard: the program, whose token may not, leaves it alone."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from lab import credentials
from tests.lab.stack.rehearsal import Rehearsal

DEVICE = "/dev/net/tun,mode=0666"


@contextmanager
def as_root(site: Rehearsal) -> Iterator[httpx.Client]:
    """Yield a client of the Proxmox VE API with root's ticket, as the node's administrator has it."""
    login = {"username": "root@pam", "password": credentials.secret(site.site, credentials.PVE_ROOT_PASSWORD)}
    with httpx.Client(
        base_url=f"{site.environ['PROXMOX_VE_ENDPOINT']}/api2/json",
        verify=ssl.create_default_context(cafile=site.environ["SSL_CERT_FILE"]),
    ) as client:
        ticket = client.post("/access/ticket", data=login).json()["data"]
        client.cookies.set("PVEAuthCookie", ticket["ticket"])
        client.headers["CSRFPreventionToken"] = ticket["CSRFPreventionToken"]
        yield client


@pytest.fixture
def passed_through(deployed: Rehearsal) -> Rehearsal:
    """The site whose container has a device from root, and whose state knows it."""
    stack = deployed.stack("lab")
    stack.up()
    path = f"/nodes/pve/lxc/{stack.outputs()['ct_id']:.0f}/config"
    with as_root(deployed) as root:
        assert root.put(path, data={"dev0": DEVICE}).is_success
    stack.run("refresh", "--yes")
    return deployed


def test_a_device_from_root_is_no_drift_survives_changes_and_passes_the_policy(passed_through: Rehearsal) -> None:
    stack = passed_through.stack("lab")
    assert stack.planned() == {}
    stack.set("memory_mb", "1100")
    try:
        stack.up()
    finally:
        stack.unset("memory_mb")
    assert passed_through.api("GET", f"/nodes/pve/lxc/{stack.outputs()['ct_id']:.0f}/config")["dev0"] == DEVICE
    argv = [sys.executable, "-m", "policy", "-"]
    done = subprocess.run(
        argv, cwd=passed_through.root, input=stack.export(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
