"""Power and state of a container: start, stop, shut down, reboot, its addresses."""

import contextlib
from collections.abc import Callable
from typing import Any

from lab.api.schema import boolean, integer
from lab.api.tasks import TaskError
from lab.errors import ContainerError
from lab.pve.checks import on
from lab.pve.cluster import Cluster
from lab.pve.dialect import died, forbidden
from lab.pve.firewall_filter import apply
from lab.pve.guests import status_of
from lab.pve.parameters import GUEST
from lab.pve.routing import Call, endpoint

POWER = on("/vms/{vmid}", "VM.PowerMgmt")
AUDIT = on("/vms/{vmid}", "VM.Audit")
PATIENCE = 60


@endpoint("GET", "/nodes/{node}/lxc/{vmid}", GUEST)
def index(call: Call) -> Any:
    """Return what lies under a container."""
    call.cluster.guest(call.vmid)
    return [{"subdir": name} for name in ("config", "status", "firewall", "interfaces", "resize", "pending")]


@endpoint("GET", "/nodes/{node}/lxc/{vmid}/status/current", GUEST, permission=AUDIT)
def current(call: Call) -> Any:
    """Whether it runs and what it uses."""
    return {**status_of(call.cluster, call.vmid), "ha": {"managed": 0}}


@endpoint("GET", "/nodes/{node}/lxc/{vmid}/interfaces", GUEST, permission=AUDIT)
def interfaces(call: Call) -> Any:
    """Return the addresses inside; null when it does not run."""
    call.cluster.guest(call.vmid)
    return call.cluster.driver.interfaces(call.vmid) if call.cluster.driver.running(call.vmid) else None


def _task(call: Call, kind: str, work: Callable[[], None]) -> str:
    def run(_: Callable[[str], None]) -> None:
        try:
            work()
        except ContainerError as error:
            raise TaskError(str(error)) from None

    return call.cluster.tasks.start(kind, str(call.vmid), call.who.authid, run)


def _must_run(call: Call) -> None:
    call.cluster.unlocked(call.vmid)
    if not call.cluster.driver.running(call.vmid):
        raise died(f"CT {call.vmid} not running")


def _no_skiplock(call: Call) -> None:
    if call.get("skiplock") and not call.who.is_root:
        raise forbidden("Only root may use this option.")


def boot(cluster: Cluster, vmid: int) -> None:
    """Start a container and put its firewall up."""
    cluster.driver.start(vmid)
    apply(cluster, vmid)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/start",
    {**GUEST, "debug": boolean(), "skiplock": boolean()},
    permission=POWER,
)
def start(call: Call) -> Any:
    """Boot the container."""
    _no_skiplock(call)
    call.cluster.unlocked(call.vmid)
    if call.cluster.driver.running(call.vmid):
        raise died(f"CT {call.vmid} already running")
    return _task(call, "vzstart", lambda: boot(call.cluster, call.vmid))


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/stop",
    {**GUEST, "overrule-shutdown": boolean(), "skiplock": boolean()},
    permission=POWER,
)
def stop(call: Call) -> Any:
    """Kill the container."""
    _no_skiplock(call)
    _must_run(call)
    return _task(call, "vzstop", lambda: call.cluster.driver.stop(call.vmid))


def halt(call: Call, timeout: float, *, force: bool) -> None:
    """Shut down within `timeout` seconds, or kill after it when `force`."""
    try:
        call.cluster.driver.shutdown(call.vmid, timeout)
    except ContainerError:
        if not force:
            raise
        with contextlib.suppress(ContainerError):
            call.cluster.driver.stop(call.vmid)


@endpoint(
    "POST",
    "/nodes/{node}/lxc/{vmid}/status/shutdown",
    {**GUEST, "forceStop": boolean(), "timeout": integer(0)},
    permission=POWER,
)
def shutdown(call: Call) -> Any:
    """Shut the container down."""
    _must_run(call)
    force = bool(call.get("forceStop"))
    return _task(call, "vzshutdown", lambda: halt(call, call.get("timeout", PATIENCE), force=force))


def _reboot(call: Call) -> None:
    halt(call, call.get("timeout", PATIENCE), force=False)
    boot(call.cluster, call.vmid)


@endpoint("POST", "/nodes/{node}/lxc/{vmid}/status/reboot", {**GUEST, "timeout": integer(0)}, permission=POWER)
def reboot(call: Call) -> Any:
    """Shut down and start again; changed options take effect."""
    _must_run(call)
    return _task(call, "vzreboot", lambda: _reboot(call))
