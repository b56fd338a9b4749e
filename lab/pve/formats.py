"""Formats of Proxmox VE's parameters: checks that raise ValueError with its words, and its property strings."""

import ipaddress
import re
from collections.abc import Callable

from lab.api import calendar_event
from lab.api.schema import boolean, integer, number, text
from lab.pve.propertystring import PropertyFormat


def matching(pattern: str, message: str) -> Callable[[str], None]:
    """Return a check against `pattern`; `{}` in the message stands for the value."""
    compiled = re.compile(pattern)

    def check(value: str) -> None:
        if not compiled.fullmatch(value):
            raise ValueError(message.format(value))

    return check


def each(check: Callable[[str], object]) -> Callable[[str], None]:
    """Return a check of every element of a list separated by commas, semicolons or blanks."""

    def check_all(value: str) -> None:
        for part in split_list(value):
            check(part)

    return check_all


def split_list(value: str) -> list[str]:
    """Elements of one of Proxmox's list formats."""
    return [part for part in re.split(r"[,;\s\0]+", value) if part]


def ipv4(value: str) -> None:
    """Check an IPv4 address."""
    try:
        ipaddress.IPv4Address(value)
    except ValueError:
        raise ValueError(f"value does not look like a valid ipv4 address: {value}") from None


def ipv6(value: str) -> None:
    """Check an IPv6 address."""
    try:
        ipaddress.IPv6Address(value)
    except ValueError:
        raise ValueError(f"value does not look like a valid ipv6 address: {value}") from None


def address(value: str) -> None:
    """Check an IP address of either family."""
    try:
        ipaddress.ip_address(value.partition("%")[0])
    except ValueError:
        raise ValueError(f"value does not look like a valid IP address: {value}") from None


def _interface(value: str, words: tuple[str, ...], version: int) -> None:
    if value in words:
        return
    try:
        parsed = ipaddress.ip_interface(value)
    except ValueError:
        parsed = None
    if parsed is None or parsed.version != version or "/" not in value:
        raise ValueError(f"value does not look like a valid ipv{version} network configuration")


def ipv4_config(value: str) -> None:
    """`dhcp`, `manual` or an IPv4 address with prefix length."""
    _interface(value, ("dhcp", "manual"), 4)


def ipv6_config(value: str) -> None:
    """`auto`, `dhcp`, `manual` or an IPv6 address with prefix length."""
    _interface(value, ("auto", "dhcp", "manual"), 6)


def schedule(value: str) -> None:
    """Check a calendar event."""
    calendar_event.parse(value)


def firewall_address(value: str) -> None:
    """Addresses, networks and ranges, or one alias or set (`+mgmt`, `dc/lan`), of a firewall rule."""
    if re.fullmatch(r"(\+|dc/|guest/|\+dc/|\+guest/)?[A-Za-z][A-Za-z0-9_-]+", value):
        return
    for part in split_list(value):
        first, _, last = part.partition("-")
        try:
            ipaddress.ip_network(first, strict=False)
            if last:
                ipaddress.ip_address(last)
        except ValueError:
            raise ValueError(f"invalid address specification '{part}'") from None


def ports(value: str) -> None:
    """Ports and ranges (`80`, `1000:2000`, `http`) of a firewall rule."""
    for part in split_list(value):
        bounds = [int(p) for p in part.split(":") if p.isdigit()]
        named = re.fullmatch(r"[a-z][a-z0-9-]*", part)
        if not (named or (re.fullmatch(r"\d+(:\d+)?", part) and all(p <= 65535 for p in bounds))):
            raise ValueError(f"invalid port '{part}'")


vmid = matching(r"[1-9][0-9]{2,8}", "value does not look like a valid VM ID")
node = matching(r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", "value does not look like a valid node name")
storage_id = matching(r"[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]", "storage ID '{}' contains illegal characters")
pool_id = matching(r"[A-Za-z0-9.\-_]+(/[A-Za-z0-9.\-_]+){0,2}", "value '{}' does not look like a valid poolid")
config_id = matching(r"[A-Za-z][A-Za-z0-9_-]+", "invalid configuration ID '{}'")
option_id = matching(r"[A-Za-z][A-Za-z0-9_-]*", "invalid configuration ID '{}'")
dns_name = matching(
    r"([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*",
    "value does not look like a valid DNS name",
)
volume_id = matching(r"[a-zA-Z][a-zA-Z0-9\-_.]*[a-zA-Z0-9]:.+", "unable to parse volume ID '{}'")
mac = matching(r"[0-9A-Fa-f][02468aceACE](:[0-9A-Fa-f]{2}){5}", "value does not look like a valid unicast MAC address")
size = matching(r"\d+(\.\d+)?[KMGT]?", "value does not look like a valid disk size: {}")
tag = matching(r"[a-zA-Z0-9_][a-zA-Z0-9_\-+.]*", "invalid characters in tag")
user_id = matching(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+", "value '{}' does not look like a valid user name")
token_id = matching(
    r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+", "value '{}' does not look like a valid token ID"
)
role_id = matching(r"[A-Za-z0-9.\-_]+", "value '{}' does not look like a valid role ID")
protocol = matching(r"[a-z][a-z0-9-]*|\d{1,3}", "invalid protocol '{}'")
interface = matching(r"[a-zA-Z][a-zA-Z0-9_.:-]{1,19}", "invalid network interface name '{}'")
realm = matching(r"[A-Za-z][A-Za-z0-9.\-_]+", "value does not look like a valid realm")

MOUNT_OPTION = r"(discard|lazytime|noatime|nodev|noexec|nosuid)"
_MOUNT = {
    "acl": boolean(),
    "idmap": text(),
    "mountoptions": text(pattern=f"{MOUNT_OPTION}(;{MOUNT_OPTION})*"),
    "quota": boolean(),
    "replicate": boolean(),
    "ro": boolean(),
    "shared": boolean(),
    "size": text(check=size),
    "volume": text(pattern=r"[^,\s]+").required(),
}
ROOTFS = PropertyFormat(_MOUNT, "volume")
MOUNT_POINT = PropertyFormat(
    {**_MOUNT, "mp": text(pattern=r"/[^:]*").required(), "backup": boolean(), "keepattrs": boolean()}, "volume"
)
NET = PropertyFormat(
    {
        "name": text(pattern=r"[-_.\w]+").required(),
        "bridge": text(pattern=r"[-_.\w]+"),
        "firewall": boolean(),
        "gw": text(check=ipv4),
        "gw6": text(check=ipv6),
        "host-managed": boolean(),
        "hwaddr": text(check=mac),
        "ip": text(check=ipv4_config),
        "ip6": text(check=ipv6_config),
        "link_down": boolean(),
        "mtu": integer(64, 65535),
        "rate": number(),
        "tag": integer(1, 4094),
        "trunks": text(pattern=r"\d+(;\d+)*"),
        "type": text(enum=("veth",)),
    }
)
FEATURES = PropertyFormat(
    {
        "force_rw_sys": boolean(),
        "fuse": boolean(),
        "keyctl": boolean(),
        "mknod": boolean(),
        "mount": text(pattern=r"[a-zA-Z0-9_; ]+"),
        "nesting": boolean(),
    }
)
DEVICE = PropertyFormat(
    {
        "path": text(pattern=r"/dev/.+"),
        "deny-write": boolean(),
        "gid": integer(0),
        "uid": integer(0),
        "mode": text(pattern=r"0[0-7]{3}"),
    },
    "path",
)
UNUSED = PropertyFormat({"volume": text(check=volume_id).required()}, "volume")
STARTUP = PropertyFormat({"order": integer(0), "up": integer(0), "down": integer(0)}, "order")
PRUNE = PropertyFormat(
    {
        "keep-all": boolean(),
        **{f"keep-{unit}": integer(0) for unit in ("last", "hourly", "daily", "weekly", "monthly", "yearly")},
    }
)
FLEECING = PropertyFormat({"enabled": boolean(), "storage": text(check=storage_id)}, "enabled")
PERFORMANCE = PropertyFormat({"max-workers": integer(1, 256), "pbs-entries-max": integer(1)})
LOG_RATELIMIT = PropertyFormat(
    {"enable": boolean(), "burst": integer(0), "rate": text(pattern=r"[1-9][0-9]*/(second|minute|hour|day)")}, "enable"
)
