"""A real NetBox on a loopback port, thrown away afterwards.

The lab's image runs in a chroot over an overlay: nothing of the image changes, and when the one
process started here dies, everything of it dies and is unmounted.
"""

import json
import secrets
import socket
import string
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Self

from lab.services.netbox_image import SEED
from tests.providers.netbox.admin import Admin

START_SECONDS = 180
BOOT = """set -e
mount -t tmpfs none "$WORK"
mkdir "$WORK/up" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$WORK/up,workdir=$WORK/work" "$WORK/root"
mount -t proc proc "$WORK/root/proc"
mount --rbind /dev "$WORK/root/dev"
cp "$SEED" "$WORK/root/opt/netbox/seed.py"
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
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        self.url = f"http://localhost:{port}"
        self._work = tempfile.TemporaryDirectory(prefix="wgvpn-netbox-")
        self._log = Path(f"{self._work.name}.log").open("wb")  # noqa: SIM115
        self._process = subprocess.Popen(
            # Should this process be killed, the server dies with it.
            [
                "setpriv",
                "--pdeathsig",
                "KILL",
                "unshare",
                "--mount",
                "--pid",
                "--fork",
                "--kill-child",
                "sh",
                "-c",
                BOOT,
            ],
            env={
                "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
                "WORK": self._work.name,
                "IMAGE": str(self.image),
                "SEED": str(SEED),
                "SEED_INPUT": json.dumps(self._seed_input()),
                "NETBOX_BIND": f"127.0.0.1:{port}",
            },
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )
        self._wait()

    def stop(self) -> None:
        """End everything that was started."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)
        self._work.cleanup()

    def _seed_input(self) -> dict[str, str]:
        return {
            "project": "wireguard-vpn",
            "program_token": self.program_token,
            "admin_token": self.admin_token,
        }

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            try:
                self.get("dcim/sites/?slug=main", token=self.program_token)
            except (OSError, ValueError):
                if self._process.poll() is not None:
                    break
                time.sleep(0.3)
            else:
                return
        raise RuntimeError(f"NetBox did not start: {Path(self._log.name).read_text()[-3000:]}")
