"""A container's configuration: canonical options, generated MAC addresses, and what the driver is told."""

import math
import re
import secrets
from collections.abc import Mapping
from typing import Any

from lab.container_spec import ContainerSpec, Nic
from lab.pve import formats as f
from lab.pve.cluster import Cluster
from lab.pve.options import digest

MAC_PREFIX = "BC:24:11"
"""The vendor prefix Proxmox VE gives its guests by default."""
UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
MIB, GIB = 1 << 20, 1 << 30
DEFAULTS = {"arch": "amd64", "memory": 512, "swap": 512}


def size_bytes(size: str) -> int:
    """`8G`, `512M` or plain bytes as bytes."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)", size)
    if not match:
        raise ValueError(f"value does not look like a valid disk size: {size}")
    return int(float(match[1]) * UNITS.get(match[2], 1))


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them."""
    for unit, factor in reversed(UNITS.items()):
        if size % factor == 0:
            return f"{size // factor}{unit}"
    return str(size)


def generate_mac() -> str:
    """Return a random MAC address under Proxmox's prefix."""
    return MAC_PREFIX + "".join(f":{octet:02X}" for octet in secrets.token_bytes(3))


def canonical_net(value: str) -> str:
    """Return a network interface as the configuration file keeps it: type, MAC address and order of keys settled.

    One without a MAC address gets a new one, whatever the container had (pve-container, parse_lxc_network).
    """
    net = f.NET.parse(value)
    net["type"] = "veth"
    net["hwaddr"] = (net.get("hwaddr") or generate_mac()).upper()
    return f.NET.render(net)


def canonical_description(value: str) -> str:
    """Return the description as it is read back: with one newline at the end."""
    return value.rstrip("\n") + "\n" if value.strip("\n") else ""


def canonical(option: str, value: Any) -> Any:
    """Return an option's value as it is stored."""
    if re.fullmatch(r"net\d+", option):
        return canonical_net(value)
    if option == "description":
        return canonical_description(value)
    if option == "tags":
        return ";".join(sorted(set(f.split_list(value.lower()))))
    if option == "features":
        return f.FEATURES.render(f.FEATURES.parse(value))
    if option == "rootfs" and "size" in value:
        values = f.ROOTFS.parse(value)
        return f.ROOTFS.render(values | {"size": size_text(size_bytes(values["size"]))})
    return value


def shown_config(cluster: Cluster, vmid: int) -> dict[str, Any]:
    """Return a container's configuration as the API gives it."""
    guest = cluster.guest(vmid)
    lock = {"lock": guest["lock"]} if guest["lock"] else {}
    return {**guest["config"], **lock, "digest": digest(guest["config"])}


def disk_bytes(config: Mapping[str, Any]) -> int:
    """Size of the root disk."""
    return size_bytes(f.ROOTFS.parse(config["rootfs"]).get("size", "4G")) if "rootfs" in config else 0


def nics(config: Mapping[str, Any]) -> tuple[Nic, ...]:
    """Return the container's network interfaces, in order of their numbers."""
    names = sorted((key for key in config if re.fullmatch(r"net\d+", key)), key=lambda key: int(key[3:]))
    return tuple(_nic(f.NET.parse(config[name])) for name in names)


def _nic(net: Mapping[str, str]) -> Nic:
    addresses = {key: net.get(key) if net.get(key) != "manual" else None for key in ("ip", "ip6")}
    return Nic(
        name=net["name"],
        bridge=net.get("bridge", ""),
        hwaddr=net["hwaddr"],
        ip=addresses["ip"],
        gateway=net.get("gw"),
        ip6=addresses["ip6"],
        gateway6=net.get("gw6"),
        mtu=int(net["mtu"]) if "mtu" in net else None,
    )


def spec_of(vmid: int, config: Mapping[str, Any], keys: str = "") -> ContainerSpec:
    """Return what the driver shall make of a configuration; `keys` are SSH public keys, one a line."""
    return ContainerSpec(
        vmid=vmid,
        hostname=config["hostname"],
        memory_mb=int(config["memory"]),
        swap_mb=int(config["swap"]),
        cores=int(config.get("cores", 1)),
        disk_gb=math.ceil(disk_bytes(config) / GIB),
        nics=nics(config),
        nameservers=tuple(f.split_list(config.get("nameserver", ""))),
        searchdomain=config.get("searchdomain", ""),
        ssh_public_keys=tuple(line for line in keys.splitlines() if line.strip()),
        nesting=f.FEATURES.parse(config.get("features", "")).get("nesting") == "1",
    )


def status_of(cluster: Cluster, vmid: int) -> dict[str, Any]:
    """Return a container's state and use of resources, as `status/current` and lists show them."""
    guest = cluster.guest(vmid)
    config = guest["config"]
    running = cluster.driver.running(vmid)
    use = cluster.driver.usage(vmid) if running else {}
    figures = {name: int(use.get(name, 0)) for name in ("mem", "swap", "disk", "netin", "netout", "uptime")}
    shown: dict[str, Any] = {
        "vmid": vmid,
        "name": config.get("hostname", f"CT{vmid}"),
        "type": "lxc",
        "status": "running" if running else "stopped",
        "cpus": config.get("cores", 1),
        "cpu": round(use.get("cpu", 0.0), 4),
        "maxmem": config.get("memory", 512) * MIB,
        "maxswap": config.get("swap", 0) * MIB,
        "maxdisk": disk_bytes(config),
        "diskread": 0,
        "diskwrite": 0,
        **figures,
    }
    extra = {
        "pid": cluster.driver.pid(vmid),
        "tags": config.get("tags"),
        "lock": guest["lock"] or None,
        "template": config.get("template") or None,
    }
    return shown | {name: value for name, value in extra.items() if value is not None}
