"""Everything that a run leaves on this machine, and what can be seen while it runs."""

import gzip
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

SECRET_MARK = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi's protocol marks a value (resource.SigKey); its value says of what kind it is."""
SECRET_KIND = "1b47061264138c4ac30d75fd1eb44270"
CONFIG_VARIABLE = b"PULUMI_CONFIG="
"""Pulumi hands the stack's config, secrets included, to the program and its plugins in this variable of their
environment, on the machine where `pulumi` runs and readable to its user alone. It is left out of the search."""
ENGINE_LOG = re.compile(rb'^\{"time":"[^"]+","level":"')
"""A line of the engine's own log, which from -v=7 on holds every value it handles in plain text, secrets too: Pulumi's
way, so such a log is a secret itself. What program, plugins and display say beside it is searched."""
PAUSE = 0.05
LEFT_BY_RUNS = ("backend", "logs", "pve", "pbs", "pulumi-home")
"""What runs leave in a lab's directory: state with its history, logs, and what the lab's servers know."""
SECRET_BY_PURPOSE = ("priv", "datastore", "dump")
"""Where Proxmox VE and PBS keep secrets and backups; no one but root reads them there."""
NOT_OURS = ("plugins", "cache")


def files(root: Path, *, skip: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield every file below `root`, unpacked where it is compressed."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and not any(part in skip for part in path.parts):
            with suppress(OSError):
                yield str(path.relative_to(root.parent)), unpacked(path.read_bytes())


def of_lab(state: Path) -> dict[str, bytes]:
    """Return every file that runs against a lab left in its directory `state`."""
    skip = (*SECRET_BY_PURPOSE, *NOT_OURS)
    return {name: content for each in LEFT_BY_RUNS for name, content in files(state / each, skip=skip)}


def unpacked(content: bytes) -> bytes:
    """Return the content of a gzip or zstd file, else what was given."""
    if content.startswith(b"\x1f\x8b"):
        with suppress(OSError, EOFError):
            return gzip.decompress(content)
    if content.startswith(b"\x28\xb5\x2f\xfd"):
        return subprocess.run(["zstd", "-dcq"], input=content, capture_output=True, check=True).stdout
    return content


def unmarked(log: Path) -> bytes:
    """Return what went between program and engine without the values that were marked as secret."""
    kept = []
    for line in log.read_text(errors="replace").splitlines():
        with suppress(ValueError):
            entry = json.loads(line)
            if "ResourceMonitor" in entry.get("method", ""):
                kept.append(json.dumps(_without_secrets(entry)))
    return "\n".join(kept).encode()


def _without_secrets(value: Any) -> Any:
    if isinstance(value, dict):
        if value.get(SECRET_MARK) == SECRET_KIND:
            return "[marked as secret]"
        return {key: _without_secrets(each) for key, each in value.items()}
    return [_without_secrets(each) for each in value] if isinstance(value, list) else value


def without_engine_log(said: bytes) -> bytes:
    """Return what a run with -v=9 printed, without the lines of the engine's log."""
    return b"\n".join(line for line in said.splitlines() if not ENGINE_LOG.match(line))


class Watch(threading.Thread):
    """Looks at the arguments and environments of all new processes that name `root` anywhere, until left."""

    def __init__(self, root: Path) -> None:
        super().__init__(daemon=True)
        self.root = bytes(root)
        self.before = {path.name for path in Path("/proc").glob("[0-9]*")}
        self.arguments: dict[str, bytes] = {}
        self.environments: dict[str, bytes] = {}
        self.excepted: set[str] = set()
        self.done = threading.Event()

    def run(self) -> None:
        """Collect what there is to see."""
        while not self.done.is_set():
            self.look()
            time.sleep(PAUSE)

    def look(self) -> None:
        """Look at every process once."""
        for path in Path("/proc").glob("[0-9]*"):
            if path.name not in self.before:
                with suppress(OSError):
                    self._note(path)

    def _note(self, path: Path) -> None:
        arguments = (path / "cmdline").read_bytes()
        variables = (path / "environ").read_bytes().split(b"\0")
        if self.root not in arguments and not any(self.root in each for each in variables):
            return
        name = f"process {path.name}"
        self.arguments[name] = self.arguments.get(name, b"") + arguments + b"\n"
        kept = [v for v in variables if not v.startswith(CONFIG_VARIABLE)]
        if len(kept) < len(variables):
            self.excepted.add(name)
        self.environments[name] = b"\0".join(kept)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.join()
