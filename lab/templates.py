"""The container template: a plain Debian as Proxmox VE's own, built once and cached."""

import hashlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path
from threading import Thread

from lab.aptcache import ADDRESS, PORT, Proxy, store_of
from lab.commands import follow, progress
from lab.errors import LabError
from lab.site import Site

VERSIONS = {"bookworm": "debian-12-standard_12.12-1_amd64.tar.zst"}
"""File name of each suite's template, as Proxmox VE's download list has it."""
PACKAGES = (
    "systemd,systemd-sysv,dbus,openssh-server,iproute2,ifupdown,isc-dhcp-client,ca-certificates,"
    "iputils-ping,nftables,procps,netbase,cron,kmod,less,vim-tiny,usr-is-merged"
)
MASKED = ("sys-kernel-debug.mount", "systemd-journald-audit.socket", "apt-daily.timer", "apt-daily-upgrade.timer")
"""Units that cannot work in an unprivileged container or would fetch from the internet."""
SOURCES = """deb http://deb.debian.org/debian {suite} main
deb http://deb.debian.org/debian {suite}-updates main
deb http://deb.debian.org/debian-security {suite}-security main
"""
APT = f"""Acquire::http::Proxy "http://{ADDRESS}:{PORT}";
Acquire::Languages "none";
"""
SSHD = "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\n"
_CLEAN = (
    "rm -rf $1/var/lib/apt/lists/* $1/var/cache/apt/*.bin $1/etc/ssh/ssh_host_* $1/etc/hostname "
    "$1/etc/resolv.conf $1/var/log/*.log $1/var/log/apt; : > $1/etc/machine-id"
)


def ensure_template(site: Site, suite: str = "bookworm") -> Path:
    """Return the template of `suite`, built if no checkout has built it yet.

    Its SHA-512 lies beside it, in `NAME.sha512`.
    """
    target = site.cache / "templates" / _recipe(suite) / VERSIONS[suite]
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name("lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not target.with_suffix(".zst.sha512").exists():
            progress("Building the container template from Debian's packages (a minute, once)")
            _build(site, suite, target)
    return target


def _recipe(suite: str) -> str:
    """Tell templates of different recipes apart, so that a changed one is built anew."""
    recipe = "\n".join(_mmdebstrap(suite, Path("target"), "proxy"))
    return hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _build(site: Site, suite: str, target: Path) -> None:
    partial = target.with_name(f"partial-{os.getpid()}.tar.zst")
    try:
        with package_cache(site) as url:
            follow(_mmdebstrap(suite, partial, url))
        digest = hashlib.sha512(partial.read_bytes()).hexdigest()
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    target.with_suffix(".zst.sha512").write_text(f"{digest}  {target.name}\n")


def _mmdebstrap(suite: str, target: Path, proxy: str) -> list[str]:
    mask = " ".join(MASKED)
    sources = [line for line in SOURCES.format(suite=suite).splitlines() if line]
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        f"--include={PACKAGES}",
        f'--aptopt=Acquire::http::Proxy "{proxy}"',
        '--aptopt=Acquire::Languages "none"',
        # Flushing every file to the disk would take longer than all the rest.
        "--dpkgopt=force-unsafe-io",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        f'--customize-hook=chroot "$1" systemctl mask {mask}',
        f"--customize-hook=printf %s '{APT}' > \"$1/etc/apt/apt.conf.d/90lab\"",
        f"--customize-hook=printf %s '{SSHD}' > \"$1/etc/ssh/sshd_config.d/lab.conf\"",
        '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
        f"--customize-hook={_CLEAN.replace('$1', chr(34) + '$1' + chr(34))}",
        suite,
        str(target),
        *sources,
    ]


@contextmanager
def package_cache(site: Site) -> Iterator[str]:
    """Serve the package cache on the loopback while the template is built."""
    server = Proxy(socket.create_server(("127.0.0.1", 0)), store_of(site))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def checksum(template: Path) -> str:
    """Return the SHA-512 of a template made by `ensure_template`, in hex."""
    try:
        return template.with_suffix(".zst.sha512").read_text().split()[0]
    except FileNotFoundError as error:
        raise LabError(f"{template} has no checksum beside it") from error
