"""Zabbix as a container template: Debian's packages, database filled, built once and cached."""

import hashlib
import os
import shlex
import shutil
from fcntl import LOCK_EX, flock
from pathlib import Path

from lab import templates
from lab.commands import follow, progress, run
from lab.errors import LabError
from lab.site import Site

SUITES = {"6.0": "bookworm", "7.0": "trixie"}
"""Zabbix's long-term releases, each with the Debian that ships it."""
SEED = Path(__file__).with_name("zabbix_seed.sh")
PACKAGES = (
    "systemd,systemd-sysv,dbus,ifupdown,iproute2,iputils-ping,procps,netbase,ca-certificates,fping,"
    "postgresql,php-cli,php-fpm,php-pgsql,zabbix-frontend-php,zabbix-server-pgsql,zabbix-agent2"
)
UNWANTED = "zabbix-agent2.service php8.2-fpm.service php8.4-fpm.service sys-kernel-debug.mount systemd-journald-audit.socket"
_CLEAN = "rm -rf $1/var/lib/apt/lists/* $1/var/cache/apt/*.bin $1/root/seed.sh $1/usr/share/doc/*; : > $1/etc/machine-id"


def ensure_image(site: Site, version: str) -> Path:
    """Return the template (tar.zst) of Zabbix `version`, built if no checkout has built it yet."""
    if version not in SUITES:
        raise LabError(f"Zabbix {version} is in no Debian the lab knows; choose of {', '.join(SUITES)}")
    target = _directory(site, version) / "image.tar.zst"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.with_name("lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not target.exists():
            progress(f"Building Zabbix {version} from Debian's packages (two minutes, once)")
            _build(site, version, target)
    return target


def ensure_tree(site: Site, version: str) -> Path:
    """Return the same as an unpacked directory, never to be written to, for tests without containers."""
    archive = ensure_image(site, version)
    tree = archive.with_name("tree")
    with archive.with_name("lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not tree.exists():
            partial = archive.with_name(f"partial-{os.getpid()}")
            partial.mkdir()
            run(["tar", "--zstd", "-xf", archive, "-C", partial, "--numeric-owner"], timeout=600)
            partial.rename(tree)
    return tree


def _directory(site: Site, version: str) -> Path:
    recipe = "\n".join((PACKAGES, UNWANTED, _CLEAN, SEED.read_text()))
    digest = hashlib.sha256(recipe.encode()).hexdigest()[:12]
    return site.cache / "zabbix" / f"{version}-{digest}"


def _build(site: Site, version: str, target: Path) -> None:
    partial = target.with_name(f"partial-{os.getpid()}.tar.zst")
    try:
        with templates.package_cache(site) as proxy:
            follow(_mmdebstrap(SUITES[version], partial, proxy))
        shutil.rmtree(target.with_name("tree"), ignore_errors=True)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _mmdebstrap(suite: str, target: Path, proxy: str) -> list[str]:
    sources = [line for line in templates.SOURCES.format(suite=suite).splitlines() if line]
    return [
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--include={PACKAGES}",
        f'--aptopt=Acquire::http::Proxy "{proxy}"',
        '--aptopt=Acquire::Languages "none"',
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/man/*",
        f"--customize-hook=upload {shlex.quote(str(SEED))} /root/seed.sh",
        '--customize-hook=chroot "$1" sh /root/seed.sh',
        f'--customize-hook=chroot "$1" sh -c "systemctl mask {UNWANTED}"',
        '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
        f"--customize-hook={_CLEAN.replace('$1', chr(34) + '$1' + chr(34))}",
        suite,
        str(target),
        *sources,
    ]
