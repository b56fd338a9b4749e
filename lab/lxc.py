"""LXC in the node's network namespace, and the configuration of a container there.

LXC looks for its bridge in /sys/class/net and for control groups in /sys/fs/cgroup, keeps
its control sockets in the network namespace and its containers in /var/lib/lxc. So every
lxc command runs in the node's network namespace and in a mount table of its own that shows
it these, whatever the path of the checkout; the machine's own mounts stay as they are.
"""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from subprocess import CompletedProcess
from typing import IO

from lab import namespaces
from lab.commands import environment, last_words, run
from lab.container_spec import ContainerSpec, Nic
from lab.errors import CommandError
from lab.processes import MARK
from lab.site import Site

HOME = Path("/var/lib/lxc")
"""Where LXC sees the site's containers."""
FIRST_ID = 100000
"""What the container's root is on the machine; 65536 ids follow, as on Proxmox VE."""
IDS = 65536
CGROUPS = Path("/sys/fs/cgroup")

_VIEW = f"""
set -e
mount --make-rprivate /
view=$(mktemp -d)
mount -t tmpfs none "$view"
mkdir "$view/cgroup"
mount --rbind {CGROUPS} "$view/cgroup"
mount -t sysfs none /sys
mount --rbind "$view/cgroup" {CGROUPS}
umount -l "$view/cgroup"
for file in subuid subgid; do
  echo root:{FIRST_ID}:{IDS} > "$view/$file"
  if [ -e "/etc/$file" ]; then mount --bind "$view/$file" "/etc/$file"; fi
done
umount -l "$view"
rmdir "$view"
mount --bind "$1" {HOME}
shift
exec "$@"
"""


def command(site: Site, argv: Sequence[str | Path]) -> list[str]:
    """Return the command that runs `argv` as LXC needs it."""
    shell = ["unshare", "--mount", "--", "sh", "-c", _VIEW, "lxc", str(site.containers)]
    mark = ["env", f"{MARK}={site.hash}"]
    return namespaces.inside(site.node, [*mark, *shell, *(str(word) for word in argv)])


def lxc(
    site: Site,
    argv: Sequence[str | Path],
    stdin: bytes = b"",
    timeout: float = 120,
    *,
    check: bool = True,
) -> CompletedProcess[bytes]:
    """Run an lxc command for the site; raises CommandError when `check` and it fails."""
    return run(command(site, argv), stdin=stdin, timeout=timeout, check=check, name=str(argv[0]))


def feed(site: Site, argv: Sequence[str | Path], source: Path) -> None:
    """Run `argv` with the content of `source` as its input; raises CommandError."""
    with source.open("rb") as stdin:
        _stream(site, argv, stdin=stdin, stdout=subprocess.DEVNULL)


def save(site: Site, argv: Sequence[str | Path], target: Path) -> None:
    """Run `argv` and save what it prints in `target`; raises CommandError."""
    with target.open("wb") as stdout:
        _stream(site, argv, stdin=subprocess.DEVNULL, stdout=stdout)


def _stream(site: Site, argv: Sequence[str | Path], stdin: IO[bytes] | int, stdout: IO[bytes] | int) -> None:
    done = subprocess.run(
        command(site, argv),
        stdin=stdin,
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        env=environment(),
    )
    if done.returncode:
        raise CommandError(f"{argv[0]}: {last_words(done)}")


def attach(vmid: int, argv: list[str]) -> list[str]:
    """Return the lxc command that runs `argv` as root inside the container."""
    path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    options = ["--clear-env", "--set-var", path, "--set-var", "HOME=/root"]
    return ["lxc-attach", "-n", str(vmid), *options, "--", *argv]


def as_container_root(argv: Sequence[str | Path]) -> list[str]:
    """Return the command that runs `argv` as root of a container's user namespace."""
    maps = [f"{kind}:0:{FIRST_ID}:{IDS}" for kind in "ug"]
    return ["lxc-usernsexec", "-m", maps[0], "-m", maps[1], "--", *map(str, argv)]


def unified() -> bool:
    """Whether the machine manages control groups by version 2 alone."""
    return (CGROUPS / "cgroup.controllers").exists()


def group(site: Site, vmid: int) -> str:
    """Return the path of the container's control group below every hierarchy."""
    return f"wgl-{site.hash}/{vmid}"


def ensure_tun(site: Site) -> Path:
    """Return the tun device given to containers, made if missing.

    Its own node with mode 0666, because an unprivileged container cannot open the
    machine's (0600); the kernel's checks stay (tun devices of the own namespace only).
    """
    path = site.containers / ".node" / "tun"
    path.parent.mkdir(exist_ok=True)
    if not path.exists():
        os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        path.chmod(0o666)
    return path


def confine(site: Site, pid: int | None) -> None:
    """Give a process the share of the processors that a container has: that of one group among the site's."""
    if pid is not None:
        path = (CGROUPS if unified() else CGROUPS / "cpu") / f"wgl-{site.hash}" / "bare"
        path.mkdir(parents=True, exist_ok=True)
        (path / "cgroup.procs").write_text(str(pid))


def remove_groups(site: Site) -> None:
    """Remove the site's control groups; one that still holds a process stays."""
    for top in groups(site):
        for path, _, _ in os.walk(top, topdown=False):
            with suppress(OSError):
                Path(path).rmdir()


def groups(site: Site) -> list[Path]:
    """Return the site's control groups in every hierarchy; those of others may vanish meanwhile."""
    found: list[Path] = []
    for path, below, _ in os.walk(CGROUPS):
        own = [name for name in below if name.startswith(f"wgl-{site.hash}")]
        found += (Path(path, name) for name in own)
        below[:] = [name for name in below if name not in own]
    return found


def configuration(site: Site, spec: ContainerSpec) -> str:
    """Return LXC's configuration of the container."""
    includes = ("common", "userns", *(["nesting"] if spec.nesting else []))
    lines = [
        *(f"lxc.include = /usr/share/lxc/config/{name}.conf" for name in includes),
        "lxc.arch = linux64",
        f"lxc.uts.name = {spec.hostname}",
        f"lxc.idmap = u 0 {FIRST_ID} {IDS}",
        f"lxc.idmap = g 0 {FIRST_ID} {IDS}",
        f"lxc.rootfs.path = dir:{HOME}/{spec.vmid}/rootfs",
        "lxc.mount.auto =",
        "lxc.mount.auto = proc:mixed sys:mixed cgroup:mixed",
        f"lxc.mount.entry = {HOME}/.node/tun dev/net/tun none bind,create=file 0 0",
        f"lxc.cgroup.dir = {group(site, spec.vmid)}",
        f"lxc.console.logfile = {HOME}/{spec.vmid}/console.log",
        *_apparmor(nesting=spec.nesting),
        *_limits(spec),
    ]
    for number, nic in enumerate(spec.nics):
        lines += _nic(spec.vmid, number, nic)
    return "\n".join(lines) + "\n"


def _apparmor(*, nesting: bool) -> list[str]:
    """Run unconfined where AppArmor is missing."""
    if Path("/sys/module/apparmor/parameters/enabled").exists() and shutil.which("apparmor_parser"):
        return ["lxc.apparmor.profile = generated", f"lxc.apparmor.allow_nesting = {int(nesting)}"]
    return ["lxc.apparmor.profile = unconfined"]


def _limits(spec: ContainerSpec) -> list[str]:
    memory, both = f"{spec.memory_mb}M", f"{spec.memory_mb + spec.swap_mb}M"
    cpus = f"0-{min(spec.cores, os.cpu_count() or 1) - 1}"
    if unified():
        return [
            f"lxc.cgroup2.memory.max = {memory}",
            f"lxc.cgroup2.memory.swap.max = {spec.swap_mb}M",
            f"lxc.cgroup2.cpuset.cpus = {cpus}",
            "lxc.cgroup2.devices.allow = c 10:200 rwm",
        ]
    swap = [f"lxc.cgroup.memory.memsw.limit_in_bytes = {both}"] if _accounts_swap() else []
    return [
        f"lxc.cgroup.memory.limit_in_bytes = {memory}",
        *swap,
        f"lxc.cgroup.cpuset.cpus = {cpus}",
        "lxc.cgroup.devices.allow = c 10:200 rwm",
    ]


def _accounts_swap() -> bool:
    return (CGROUPS / "memory" / "memory.memsw.limit_in_bytes").exists()


def veth(vmid: int, number: int) -> str:
    """Return the name of the node's end of the container's interface `netN`, as on Proxmox."""
    return f"veth{vmid}i{number}"


def nic_number(config: str, name: str) -> int | None:
    """Return the number N of the interface `netN` that the container calls `name`."""
    found = re.search(rf"^lxc\.net\.(\d+)\.name = {re.escape(name)}$", config, re.MULTILINE)
    return int(found[1]) if found else None


def _nic(vmid: int, number: int, nic: Nic) -> list[str]:
    key = f"lxc.net.{number}"
    lines = [
        f"{key}.type = veth",
        f"{key}.veth.pair = {veth(vmid, number)}",
        f"{key}.link = {nic.bridge}",
        f"{key}.name = {nic.name}",
        f"{key}.hwaddr = {nic.hwaddr}",
        f"{key}.flags = up",
    ]
    return lines + ([f"{key}.mtu = {nic.mtu}"] if nic.mtu else [])
