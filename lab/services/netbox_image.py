"""NetBox as a container template: its PyPI wheel on Debian 13, the database migrated."""

import sys
from fcntl import LOCK_EX, flock
from pathlib import Path

from lab.commands import progress, run
from lab.services.image import Image
from lab.site import Site

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "netbox_requirements.txt"
SEED = HERE / "netbox_seed.py"
"""What an administrator prepares, to be run inside the image."""
PYTHON = "3.13"
"""Python of Debian 13; NetBox 4.7 needs 3.12 or newer."""
PLATFORMS = ("manylinux2014_x86_64", *(f"manylinux_2_{minor}_x86_64" for minor in (17, 24, 26, 27, 28, 34)))
PACKAGES = (
    "systemd,systemd-sysv,dbus,ifupdown,iproute2,iputils-ping,procps,netbase,ca-certificates,"
    "postgresql,redis-server,python3,python3-venv,libexpat1"
)


def image(site: Site) -> Image:
    """Return what NetBox's template is made of; its wheels are fetched if they are not there."""
    return Image(
        name="netbox",
        about="Building NetBox from its wheel on Debian 13 (about six minutes, once)",
        suite="trixie",
        packages=PACKAGES,
        script=HERE / "netbox_install.sh",
        files={
            "wheels": ensure_wheels(site),
            "netbox_requirements.txt": REQUIREMENTS,
            "netbox_configuration.py": HERE / "netbox_configuration.py",
            "netbox_wsgi.py": HERE / "netbox_wsgi.py",
        },
    )


def ensure_wheels(site: Site) -> Path:
    """Return the directory with exactly the wheels of REQUIREMENTS, fetched once by this Python's pip."""
    directory = site.cache / "netbox" / "wheels"
    directory.mkdir(parents=True, exist_ok=True)
    marker = directory / "complete.txt"
    with directory.with_name("wheels.lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not marker.exists() or marker.read_text() != REQUIREMENTS.read_text():
            progress("Fetching NetBox's wheels")
            _download(directory)
            marker.write_text(REQUIREMENTS.read_text())
    return directory


def _download(directory: Path) -> None:
    platforms = [word for platform in PLATFORMS for word in ("--platform", platform)]
    target = ["--python-version", PYTHON, "--only-binary", ":all:", *platforms]
    argv = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", *target]
    run([*argv, "--dest", directory, "--requirement", REQUIREMENTS], timeout=900, name="pip download")
