"""A real NetBox on a loopback port, thrown away afterwards."""

import json
import secrets
import string
from pathlib import Path
from typing import Self

from lab.services.netbox_image import SEED
from tests.providers.netbox.admin import Admin
from tests.providers.throwaway import Throwaway, low_ports

START_SECONDS = 180
BOOT = """cp "$SEED" "$WORK/root/opt/netbox/seed.py"
exec chroot "$WORK/root" /bin/sh -c '
    pg_ctlcluster $(ls /etc/postgresql) main start
    /opt/netbox/netbox-run &
    until [ -s /opt/netbox/secrets ]; do sleep 0.1; done
    cd /opt/netbox
    export NETBOX_ROOT=/opt/netbox PYTHONWARNINGS=ignore DJANGO_SETTINGS_MODULE=netbox.settings
    printf %s "$SEED_INPUT" | setpriv --reuid netbox --regid netbox --init-groups venv/bin/python seed.py
    wait
'
"""


def new_token() -> str:
    """Return a random v2 token in the form NetBox gives them out."""
    alphabet = string.ascii_letters + string.digits
    key, plain = ("".join(secrets.choice(alphabet) for _ in range(n)) for n in (12, 40))
    return f"nbt_{key}.{plain}"


class NetBoxServer(Admin):
    """One running NetBox: `url`, the program's least-privilege token and an administrator's."""

    def __init__(self, image: Path) -> None:
        super().__init__("", new_token())
        self.image = image
        self.program_token = new_token()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Boot, seed and wait until the API lets the program in."""
        (port,) = low_ports(1)
        self.url = f"http://localhost:{port}"
        variables = {
            "SEED": str(SEED),
            "SEED_INPUT": json.dumps(self._seed_input()),
            "NETBOX_BIND": f"127.0.0.1:{port}",
        }
        self._server = Throwaway("netbox", self.image, BOOT, variables)
        self._server.wait(lambda: self.get("dcim/sites/?slug=main", token=self.program_token), START_SECONDS)

    def stop(self) -> None:
        """End everything that was started."""
        self._server.stop()

    def _seed_input(self) -> dict[str, str]:
        return {
            "project": "wireguard-vpn",
            "program_token": self.program_token,
            "admin_token": self.admin_token,
        }
