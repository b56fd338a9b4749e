"""Real unprivileged LXC containers, driven as a Proxmox VE node drives its own."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, ParamSpec, TypeVar

from lab import firewall, lxc, observe, rootfs
from lab.commands import last_words, run
from lab.container_spec import ContainerSpec
from lab.errors import CommandError, ContainerError
from lab.firewall import Filter
from lab.lxc import HOME
from lab.site import Site

P = ParamSpec("P")
R = TypeVar("R")
_DECOMPRESS = {".zst": "--zstd", ".gz": "--gzip", ".xz": "--xz"}
_TAR = ["tar", "--numeric-owner", "--acls", "--xattrs", "--xattrs-include=user.*"]
_TAR += ["--xattrs-include=security.capability", "--warning=no-file-ignored"]


def _plain(method: Callable[P, R]) -> Callable[P, R]:
    """Turn what a command or the system said into a ContainerError."""

    @wraps(method)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return method(*args, **kwargs)
        except (CommandError, OSError) as error:
            raise ContainerError(str(error)) from error

    return wrapper


class Containers:
    """The containers of one site. Every method raises ContainerError with a plain message."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._meter = observe.Meter(site)

    @_plain
    def create(self, spec: ContainerSpec, template: Path) -> None:
        """Unpack `template` into a new container with `spec` and its SSH keys; not started."""
        self._unpack(spec, template)
        self._put(spec.vmid, rootfs.first_files(spec))

    @_plain
    def restore(self, spec: ContainerSpec, archive: Path) -> None:
        """Make a container with `spec` from an archive, leaving keys and owners as in it."""
        self._unpack(spec, archive)

    @_plain
    def reconfigure(self, spec: ContainerSpec) -> None:
        """Write the configuration of `spec`; it takes effect at the next start."""
        path = self._path(spec.vmid)
        (path / "config").write_text(lxc.configuration(self.site, spec))
        if self.running(spec.vmid):
            (path / "pending.tar").write_bytes(rootfs.as_tar(rootfs.network_files(spec)))
        else:
            self._put(spec.vmid, rootfs.network_files(spec))

    @_plain
    def start(self, vmid: int) -> None:
        """Start the container; returns when its init runs."""
        path = self._path(vmid)
        if self.running(vmid):
            raise ContainerError(f"CT {vmid} already running")
        lxc.ensure_tun(self.site)
        self._apply_pending(vmid)
        name = ["lxc-start", "-n", str(vmid), "-d", "-l", "WARN", "-o", f"{HOME}/{vmid}/lxc.log"]
        done = lxc.lxc(self.site, name, check=False)
        if done.returncode:
            said = (path / "lxc.log").read_text(errors="replace").splitlines()[-4:]
            raise ContainerError(f"CT {vmid} did not start: {last_words(done)} {' / '.join(said)}")
        # Another container may have had its address until now.
        run(["ip", "-n", self.site.node, "neigh", "flush", "all"])

    @_plain
    def shutdown(self, vmid: int, timeout: float = 60) -> None:
        """Ask init to halt and wait up to `timeout` seconds; ContainerError if it still runs."""
        if self.running(vmid):
            halt = ["lxc-stop", "-n", str(vmid), "--nokill", "-t", str(max(1, round(timeout)))]
            done = lxc.lxc(self.site, halt, timeout=timeout + 30, check=False)
            if self.running(vmid):
                raise ContainerError(f"CT {vmid} did not shut down: {last_words(done)}")

    @_plain
    def stop(self, vmid: int) -> None:
        """Kill the container at once; nothing to do for a stopped one."""
        if self.running(vmid):
            lxc.lxc(self.site, ["lxc-stop", "-n", str(vmid), "--kill"])

    @_plain
    def destroy(self, vmid: int) -> None:
        """Remove a stopped container with everything in it."""
        path = self._path(vmid)
        if self.running(vmid):
            raise ContainerError(f"CT {vmid} is running")
        shutil.rmtree(path)
        firewall.apply(self.site)

    def exists(self, vmid: int) -> bool:
        """Whether the site has the container."""
        return (self._directory(vmid) / "config").exists()

    def running(self, vmid: int) -> bool:
        """Whether the container's init lives."""
        return self.pid(vmid) is not None

    def pid(self, vmid: int) -> int | None:
        """Process id of the container's init on this machine; None when stopped."""
        return observe.init_pid(self.site, vmid)

    def vmids(self) -> list[int]:
        """Every container of the site, running or not, in ascending order."""
        found = (path.parent.name for path in self.site.containers.glob("*/config"))
        return sorted(int(name) for name in found if name.isdigit())

    @_plain
    def interfaces(self, vmid: int) -> list[dict[str, Any]] | None:
        """Interfaces as GET …/lxc/{vmid}/interfaces lists them; None when stopped."""
        pid = self.pid(vmid)
        return None if pid is None else observe.interfaces(pid)

    def usage(self, vmid: int) -> dict[str, float]:
        """Return cpu (share of one core), mem, swap, disk, netin, netout (bytes), uptime (s)."""
        return self._meter.read(vmid, self.pid(vmid), self._directory(vmid) / "rootfs")

    @_plain
    def execute(self, vmid: int, argv: list[str], stdin: bytes = b"", timeout: float = 120) -> CompletedProcess[bytes]:
        """Run `argv` as root inside the running container and return what it did."""
        return lxc.lxc(self.site, lxc.attach(vmid, argv), stdin, timeout, check=False)

    @_plain
    def archive(self, vmid: int, target: Path) -> None:
        """Save the root file system as tar.zst with 0-based owners, frozen while it is read."""
        self._path(vmid)
        partial = target.with_name(f".{target.name}.partial")
        pack = [*_TAR, "--create", "--zstd", "--one-file-system", "--sparse"]
        pack += ["-C", f"{HOME}/{vmid}/rootfs", "."]
        try:
            with self._frozen(vmid):
                lxc.save(self.site, lxc.as_container_root(pack), partial)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    @_plain
    def firewall(self, vmid: int, nic: str, rules: Filter | None) -> None:
        """Filter what passes the interface `nic` ("eth0"); None lets everything pass."""
        path = self._path(vmid)
        number = lxc.nic_number((path / "config").read_text(), nic)
        if number is None:
            raise ContainerError(f"CT {vmid} has no interface {nic}")
        firewall.remember(path, number, rules)
        firewall.apply(self.site)

    def _unpack(self, spec: ContainerSpec, archive: Path) -> None:
        if self.exists(spec.vmid):
            raise ContainerError(f"CT {spec.vmid} already exists")
        path = self._directory(spec.vmid)
        shutil.rmtree(path, ignore_errors=True)
        root = path / "rootfs"
        root.mkdir(parents=True, mode=0o755)
        os.chown(root, lxc.FIRST_ID, lxc.FIRST_ID)
        try:
            how = _DECOMPRESS.get(archive.suffix, "--no-auto-compress")
            unpack = [*_TAR, "--extract", "--preserve-permissions", how, "--exclude=./dev/*"]
            unpack += ["-C", f"{HOME}/{spec.vmid}/rootfs"]
            lxc.feed(self.site, lxc.as_container_root(unpack), archive)
            self._put(spec.vmid, rootfs.network_files(spec))
            (path / "config").write_text(lxc.configuration(self.site, spec))
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def _put(self, vmid: int, files: dict[str, rootfs.File]) -> None:
        self._put_tar(vmid, rootfs.as_tar(files))

    def _put_tar(self, vmid: int, tar: bytes) -> None:
        argv = ["tar", "--extract", "-C", f"{HOME}/{vmid}/rootfs", "--no-same-permissions", "-p"]
        lxc.lxc(self.site, lxc.as_container_root(argv), stdin=tar)

    def _apply_pending(self, vmid: int) -> None:
        pending = self._directory(vmid) / "pending.tar"
        if pending.exists():
            self._put_tar(vmid, pending.read_bytes())
            pending.unlink()

    @contextmanager
    def _frozen(self, vmid: int) -> Iterator[None]:
        running = self.running(vmid)
        if running:
            lxc.lxc(self.site, ["lxc-freeze", "-n", str(vmid)])
        try:
            yield
        finally:
            if running:
                lxc.lxc(self.site, ["lxc-unfreeze", "-n", str(vmid)])

    def _directory(self, vmid: int) -> Path:
        return self.site.containers / str(vmid)

    def _path(self, vmid: int) -> Path:
        if not self.exists(vmid):
            raise ContainerError(f"CT {vmid} does not exist")
        return self._directory(vmid)
