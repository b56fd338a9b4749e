"""Zabbix as a container template: Debian's packages, the database filled."""

from pathlib import Path

from lab.errors import LabError
from lab.services.image import Image

SUITES = {"6.0": "bookworm", "7.0": "trixie"}
"""Zabbix's long-term releases, each with the Debian that ships it."""
PACKAGES = (
    "systemd,systemd-sysv,dbus,ifupdown,iproute2,iputils-ping,procps,netbase,ca-certificates,fping,locales,"
    "postgresql,php-cli,php-fpm,php-pgsql,zabbix-frontend-php,zabbix-server-pgsql,zabbix-agent2"
)


def image(version: str) -> Image:
    """Return what the template of Zabbix `version` is made of; LabError for one no Debian ships."""
    if version not in SUITES:
        raise LabError(f"Zabbix {version} is in no Debian the lab knows; choose of {', '.join(SUITES)}")
    return Image(
        name=f"zabbix-{version}",
        about=f"Building Zabbix {version} from Debian's packages (three minutes, once)",
        suite=SUITES[version],
        packages=PACKAGES,
        script=Path(__file__).with_name("zabbix_install.sh"),
    )
