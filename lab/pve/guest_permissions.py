"""Which privilege each option of a container takes, and what only root@pam with a ticket may set."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from lab.pve import formats as f
from lab.pve.cluster import Cluster
from lab.pve.dialect import forbidden
from lab.pve.identity import Identity

CPU = {"cores", "cpulimit", "cpuunits"}
MEMORY = {"memory", "swap"}
NETWORK = {"nameserver", "searchdomain", "hostname"}


def _privilege(option: str) -> str:
    if option in CPU:
        return "VM.Config.CPU"
    if option in MEMORY:
        return "VM.Config.Memory"
    if option in NETWORK or re.fullmatch(r"net\d+", option):
        return "VM.Config.Network"
    if option == "rootfs" or re.fullmatch(r"(mp|unused)\d+", option):
        return "VM.Config.Disk"
    return "VM.Config.Options"


def check_options(
    cluster: Cluster,
    who: Identity,
    vmid: int,
    pool: str | None,
    *,
    new: Mapping[str, Any],
    old: Mapping[str, Any] | None = None,
    delete: Iterable[str] = (),
) -> None:
    """Refuse what the caller may not set or remove; `old` is None for a container to be created."""
    if who.is_root:
        return
    privileged = not int(new.get("unprivileged", 1) if old is None else old.get("unprivileged", 0))
    for option in [*new, *delete]:
        if re.fullmatch(r"dev\d+", option):
            raise forbidden("configuring device passthrough is only allowed for root@pam")
        if option == "hookscript":
            raise forbidden("configuring hookscript is only allowed for root@pam")
        if option == "features":
            if privileged:
                raise forbidden("changing feature flags for privileged container is only allowed for root@pam")
            if _features_change(new.get(option, ""), (old or {}).get(option, "")):
                cluster.permissions.require_guest(who, vmid, pool, ["VM.Allocate"])
            continue
        if re.fullmatch(r"mp\d+|rootfs", option) and option in new:
            _mount(option, str(new[option]))
        cluster.permissions.require_guest(who, vmid, pool, [_privilege(option)])
        if re.fullmatch(r"net\d+", option) and option in new:
            _bridge(cluster, who, str(new[option]))


def _features_change(new: str, old: str) -> bool:
    before, after = f.FEATURES.parse(old), f.FEATURES.parse(new)
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    if changed - {"nesting"}:
        raise forbidden("changing feature flags (except nesting) is only allowed for root@pam")
    return bool(changed)


def _mount(option: str, value: str) -> None:
    volume = (f.ROOTFS if option == "rootfs" else f.MOUNT_POINT).parse(value)["volume"]
    if volume.startswith("/dev/"):
        raise forbidden("mount point type device is only allowed for root@pam")
    if volume.startswith("/"):
        raise forbidden("mount point type bind is only allowed for root@pam")


def _bridge(cluster: Cluster, who: Identity, value: str) -> None:
    net = f.NET.parse(value)
    if "bridge" in net:
        path = f"/sdn/zones/localnetwork/{net['bridge']}" + (f"/{net['tag']}" if "tag" in net else "")
        cluster.permissions.require(who, path, ["SDN.Use"])
