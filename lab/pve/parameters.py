"""Parameter sets that several endpoints share (facts of the API's own schema, checked against it by a test)."""

from collections.abc import Mapping

from lab.api.schema import Param, array, boolean, integer, number, text
from lab.pve import formats as f

Params = Mapping[str, Param]

NODE = {"node": text(check=f.node).required()}
VMID = integer(100, 999_999_999)
GUEST = {**NODE, "vmid": VMID.required()}
DIGEST_SHA1 = {"digest": text(size=(None, 40))}
DIGEST = {"digest": text(size=(None, 64))}
DELETE = {"delete": text(check=f.each(f.option_id))}
LOCKS = (
    "backup",
    "create",
    "destroyed",
    "disk",
    "fstrim",
    "migrate",
    "mounted",
    "rollback",
    "snapshot",
    "snapshot-delete",
)
CONTROL = r"[^\x00-\x08\x0a-\x1f\x7f]"

GUEST_OPTIONS: Params = {
    "arch": text(enum=("amd64", "i386", "arm64", "armhf", "riscv32", "riscv64")),
    "cmode": text(enum=("shell", "console", "tty")),
    "console": boolean(),
    "cores": integer(1, 8192),
    "cpulimit": number(0, 8192),
    "cpuunits": integer(0, 500_000),
    "debug": boolean(),
    "description": text(size=(None, 8192)),
    "dev[n]": text(check=f.DEVICE.parse, count=256),
    "entrypoint": text(pattern=f"{CONTROL}+"),
    "env": text(pattern=rf"\w+={CONTROL}*(\0\w+={CONTROL}*)*"),
    "features": text(check=f.FEATURES.parse),
    "hookscript": text(check=f.volume_id),
    "hostname": text(check=f.dns_name, size=(None, 255)),
    "lock": text(enum=LOCKS),
    "memory": integer(16),
    "mp[n]": text(check=f.MOUNT_POINT.parse, count=256),
    "nameserver": text(check=f.each(f.address)),
    "net[n]": text(check=f.NET.parse, count=32),
    "onboot": boolean(),
    "ostype": text(
        enum=(
            "debian",
            "devuan",
            "ubuntu",
            "centos",
            "fedora",
            "opensuse",
            "archlinux",
            "alpine",
            "gentoo",
            "nixos",
            "unmanaged",
        )
    ),
    "protection": boolean(),
    "rootfs": text(check=f.ROOTFS.parse),
    "searchdomain": text(check=f.each(f.dns_name)),
    "startup": text(check=f.STARTUP.parse),
    "swap": integer(0),
    "tags": text(check=f.each(f.tag)),
    "template": boolean(),
    "timezone": text(pattern=r"host|[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*"),
    "tty": integer(0, 6),
    "unprivileged": boolean(),
    "unused[n]": text(check=f.UNUSED.parse, count=256),
}

LOG_LEVEL = text(enum=("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug", "nolog"))
POLICY = text(enum=("ACCEPT", "REJECT", "DROP"))
RULE_OPTIONS: Params = {
    "action": text(pattern=r"[A-Za-z][A-Za-z0-9\-_]+", size=(2, 20)),
    "comment": text(),
    "dest": text(check=f.firewall_address, size=(None, 512)),
    "dport": text(check=f.ports),
    "enable": integer(0),
    "icmp-type": text(pattern=r"[a-z0-9-]+(/\d+)?|any"),
    "iface": text(check=f.interface, size=(2, 20)),
    "log": LOG_LEVEL,
    "macro": text(size=(None, 128)),
    "pos": integer(0),
    "proto": text(check=f.protocol),
    "source": text(check=f.firewall_address, size=(None, 512)),
    "sport": text(check=f.ports),
    "type": text(enum=("in", "out", "forward", "group")),
}

VZDUMP_OPTIONS: Params = {
    "all": boolean(),
    "bwlimit": integer(0),
    "compress": text(enum=("0", "1", "gzip", "lzo", "zstd")),
    "dumpdir": text(),
    "exclude": text(check=f.each(f.vmid)),
    "exclude-path": array(),
    "fleecing": text(check=f.FLEECING.parse),
    "ionice": integer(0, 8),
    "lockwait": integer(0),
    "mailnotification": text(enum=("always", "failure")),
    "mailto": text(pattern=r"[^\s]+.*"),
    "mode": text(enum=("snapshot", "suspend", "stop")),
    "node": text(check=f.node),
    "notes-template": text(size=(None, 1024), requires="storage"),
    "notification-mode": text(enum=("auto", "legacy-sendmail", "notification-system")),
    "pbs-change-detection-mode": text(enum=("legacy", "data", "metadata")),
    "performance": text(check=f.PERFORMANCE.parse),
    "pigz": integer(),
    "pool": text(),
    "protected": boolean(requires="storage"),
    "prune-backups": text(check=f.PRUNE.parse),
    "quiet": boolean(),
    "remove": boolean(),
    "script": text(),
    "stdexcludes": boolean(),
    "stop": boolean(),
    "stopwait": integer(0),
    "storage": text(check=f.storage_id),
    "tmpdir": text(),
    "vmid": text(check=f.each(f.vmid)),
    "zstd": integer(),
}
ROOT_ONLY_VZDUMP = ("tmpdir", "dumpdir", "script")
