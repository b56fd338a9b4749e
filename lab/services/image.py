"""A service's container template: built once from Debian's packages, shared by every checkout."""

import hashlib
import os
import shlex
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from fcntl import LOCK_EX, flock
from pathlib import Path

from lab import templates
from lab.commands import follow, progress, run
from lab.site import Site

_CLEAN = "rm -rf $1/var/lib/apt/lists/* $1/var/cache/apt/*.bin $1/root/* $1/usr/share/doc/*; : > $1/etc/machine-id"


@dataclass(frozen=True)
class Image:
    """A Debian `suite` with `packages`, in which `script` has run beside the `files` it needs.

    `files` are copied into /root; `about` is what a person reads while it is built.
    """

    name: str
    about: str
    suite: str
    packages: str
    script: Path
    files: Mapping[str, Path] = field(default_factory=dict)
    exclude: tuple[str, ...] = ("/usr/share/locale/*", "/usr/share/man/*")

    def archive(self, site: Site) -> Path:
        """Return the template (tar.zst), built if no checkout has built it yet."""
        target = self._directory(site) / "image.tar.zst"
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.with_name("lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not target.exists():
                progress(self.about)
                self._build(site, target)
        return target

    def tree(self, site: Site) -> Path:
        """Return the same as an unpacked directory, never to be written to, for tests without containers."""
        archive = self.archive(site)
        tree = archive.with_name("tree")
        with archive.with_name("lock").open("w") as lock:
            flock(lock, LOCK_EX)
            if not tree.exists():
                partial = archive.with_name(f"partial-{os.getpid()}")
                partial.mkdir()
                run(["tar", "--zstd", "-xf", archive, "-C", partial, "--numeric-owner"], timeout=600)
                partial.rename(tree)
        return tree

    def ready(self, site: Site) -> bool:
        """Whether the template is built already."""
        return (self._directory(site) / "image.tar.zst").exists()

    def _directory(self, site: Site) -> Path:
        """Tell images of different recipes apart, so that a changed one is built anew."""
        texts = [path.read_text() for path in (self.script, *self.files.values()) if path.is_file()]
        recipe = "\n".join((self.suite, self.packages, _CLEAN, *self.exclude, *texts))
        return site.cache / self.name / hashlib.sha256(recipe.encode()).hexdigest()[:12]

    def _build(self, site: Site, target: Path) -> None:
        partial = target.with_name(f"partial-{os.getpid()}.tar.zst")
        try:
            with templates.package_cache(site) as proxy:
                follow(self._mmdebstrap(partial, proxy))
            shutil.rmtree(target.with_name("tree"), ignore_errors=True)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _mmdebstrap(self, target: Path, proxy: str) -> list[str]:
        sources = [line for line in templates.SOURCES.format(suite=self.suite).splitlines() if line]
        return [
            "mmdebstrap",
            "--mode=root",
            "--variant=minbase",
            f"--include={self.packages}",
            f'--aptopt=Acquire::http::Proxy "{proxy}"',
            '--aptopt=Acquire::Languages "none"',
            # Flushing every file to the disk would take longer than all the rest.
            "--dpkgopt=force-unsafe-io",
            *(f"--dpkgopt=path-exclude={path}" for path in self.exclude),
            *(_copy(path, name) for name, path in self.files.items()),
            _copy(self.script, "install.sh"),
            '--customize-hook=chroot "$1" sh /root/install.sh',
            '--customize-hook=rm -f "$1/etc/apt/apt.conf.d/99mmdebstrap"',
            f"--customize-hook={_CLEAN.replace('$1', chr(34) + '$1' + chr(34))}",
            self.suite,
            str(target),
            *sources,
        ]


def _copy(source: Path, name: str) -> str:
    return f'--customize-hook=cp -r {shlex.quote(str(source))} "$1/root/{name}"'
