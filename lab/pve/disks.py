"""Volumes of containers on block storages: records of names and sizes; the files lie with the driver."""

import re
from typing import Any

from lab.pve import formats as f
from lab.pve.dialect import died
from lab.pve.guests import GIB, size_bytes, size_text

DEFAULT_GIB = 4


def allocate(data: dict[str, Any], vmid: int, storage: str, given: str | None) -> str:
    """Reserve a root disk and return the `rootfs` option; `given` is the option asked for, `STORAGE:GIB` in it."""
    values = f.ROOTFS.parse(given) if given else {"volume": f"{storage}:{DEFAULT_GIB}"}
    wanted = values["volume"].partition(":")[2]
    if re.fullmatch(r"\d+(\.\d+)?", wanted):
        size = int(float(wanted) * GIB)
    else:
        size = size_bytes(values.get("size", f"{DEFAULT_GIB}G"))
    volume = f"{storage}:vm-{vmid}-disk-{_free_number(data, vmid, storage)}"
    data["volumes"][volume] = {"vmid": vmid, "size": size}
    return f.ROOTFS.render(values | {"volume": volume, "size": size_text(size)})


def _free_number(data: dict[str, Any], vmid: int, storage: str) -> int:
    number = 0
    while f"{storage}:vm-{vmid}-disk-{number}" in data["volumes"]:
        number += 1
    return number


def release(data: dict[str, Any], vmid: int) -> None:
    """Free all volumes of a container."""
    data["volumes"] = {name: held for name, held in data["volumes"].items() if held["vmid"] != vmid}


def resize(data: dict[str, Any], config: dict[str, Any], disk: str, wanted: str) -> None:
    """Grow a disk to `wanted`, or by it when it begins with `+`; shrinking is refused."""
    if disk not in config:
        raise died(f"disk '{disk}' does not exist")
    values = (f.ROOTFS if disk == "rootfs" else f.MOUNT_POINT).parse(config[disk])
    current = size_bytes(values["size"])
    target = current + size_bytes(wanted[1:]) if wanted.startswith("+") else size_bytes(wanted)
    if target < current:
        raise died("unable to shrink disk size")
    values["size"] = size_text(target)
    data["volumes"][values["volume"]]["size"] = target
    config[disk] = (f.ROOTFS if disk == "rootfs" else f.MOUNT_POINT).render(values)
