"""A real server out of one of the lab's images, thrown away afterwards.

It runs in a chroot over an overlay: nothing of the image changes, and when the one process started
here dies, everything of it dies and is unmounted.
"""

import os
import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

OVERLAY = """set -e
mount -t tmpfs none "$WORK"
mkdir "$WORK/up" "$WORK/work" "$WORK/root"
mount -t overlay overlay -o "lowerdir=$IMAGE,upperdir=$WORK/up,workdir=$WORK/work" "$WORK/root"
mount -t proc proc "$WORK/root/proc"
mount --rbind /dev "$WORK/root/dev"
"""
# Should this process be killed, the server dies with it.
ALONE = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]


class Throwaway:
    """The running server `name`: a shell script that ends in a chroot at `$WORK/root`."""

    def __init__(self, name: str, image: Path, script: str, variables: Mapping[str, str]) -> None:
        self.name = name
        self._work = tempfile.TemporaryDirectory(prefix=f"wgvpn-{name}-")
        self._log = Path(f"{self._work.name}.log").open("wb")  # noqa: SIM115 - open as long as the server runs
        own = {"WORK": self._work.name, "IMAGE": str(image), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
        self._process = subprocess.Popen(
            [*ALONE, OVERLAY + script],
            env={**os.environ, **variables, **own},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,
        )

    def wait(self, answers: Callable[[], object], seconds: float) -> None:
        """Wait until `answers` does not raise; RuntimeError with what the server said when it never does."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                answers()
            except (OSError, ValueError):
                time.sleep(0.2)
            else:
                return
        said = Path(self._log.name).read_text()[-3000:]
        self.stop()
        raise RuntimeError(f"{self.name} did not start: {said}")

    def stop(self) -> None:
        """End everything that was started."""
        self._process.kill()
        self._process.wait()
        self._log.close()
        Path(self._log.name).unlink(missing_ok=True)
        self._work.cleanup()


def low_ports(count: int) -> list[int]:
    """Return free loopback ports that nobody else is given before the server listens, which takes it seconds.

    Below 32768: Linux hands out those above to whoever asks for any, and Zabbix 6.0 takes none that are higher.
    """
    found: list[int] = []
    for port in random.sample(range(20000, 32768), 1000):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            found.append(port)
        if len(found) == count:
            break
    return found
