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
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from lab.services.netbox_image import SEED

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
CHANGING = ("core/object-changes", "core/jobs", "core/background", "users/tokens", "users/users", "status")
"""What NetBox itself keeps writing: its change log, its jobs, when tokens and users were last seen."""
NO_LISTS = ("dcim/connected-device", "extras/scripts/upload", "users/config")
"""Addresses of the API that list nothing."""


def new_token() -> str:
    """Return a random v2 token in the form NetBox gives them out."""
    alphabet = string.ascii_letters + string.digits
    key, plain = ("".join(secrets.choice(alphabet) for _ in range(n)) for n in (12, 40))
    return f"nbt_{key}.{plain}"


@dataclass
class NetBoxServer:
    """One running NetBox: `url`, the program's least-privilege token and an administrator's."""

    image: Path
    program_token: str = field(default_factory=new_token, repr=False)
    admin_token: str = field(default_factory=new_token, repr=False)

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

    def get(self, path: str, token: str | None = None) -> Any:
        """Return what GET `path` answers; with `token` as someone else than the administrator."""
        return self._call("GET", path, None, token)

    def post(self, path: str, body: Any) -> Any:
        """Make something as the administrator."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: Any) -> Any:
        """Change something as the administrator: "by hand"."""
        return self._call("PATCH", path, body)

    def delete(self, path: str) -> None:
        """Remove something as the administrator."""
        self._call("DELETE", path, None)

    def all(self, path: str, **filters: str) -> list[dict[str, Any]]:
        """Return every object of a list."""
        query = urllib.parse.urlencode({"limit": 1000, **filters})
        return list(self.get(f"{path}/?{query}")["results"])

    def dump(self) -> dict[str, list[dict[str, Any]]]:
        """Return every object of every list of the API, but what changes by itself."""
        paths = [path for app in self._apps() for path in app if not path.startswith((*CHANGING, *NO_LISTS))]
        return {path: self.all(path) for path in paths}

    def _apps(self) -> Iterator[list[str]]:
        for app in self.get(""):
            if app not in {"status", "plugins"}:
                yield [urlsplit(each).path.removeprefix("/api/").strip("/") for each in self.get(f"{app}/").values()]

    def _call(self, method: str, path: str, body: Any, token: str | None = None) -> Any:
        headers = {"Authorization": f"Bearer {token or self.admin_token}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/api/{path}", data, headers, method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as response:  # noqa: S310
            return json.loads(response.read() or b"null")
