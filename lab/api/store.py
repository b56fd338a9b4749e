"""A server's whole state in one JSON file, written atomically, readable by its owner only."""

import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_private(path: Path, content: str) -> None:
    """Write `path` whole or not at all, mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    draft.replace(path)


class Store:
    """The state, seeded when its file is absent; a section that an older file lacks comes from the seed."""

    def __init__(self, path: Path, seed: Callable[[], dict[str, Any]]) -> None:
        self.path = path
        self.lock = threading.RLock()
        self._depth = 0
        self.data = seed()
        if path.exists():
            self.data |= json.loads(path.read_text())
        else:
            self._write()

    def _write(self) -> None:
        write_private(self.path, json.dumps(self.data, indent=1))

    @contextmanager
    def edit(self) -> Iterator[dict[str, Any]]:
        """Return the state to change; saved when the outermost block ends, even by an exception."""
        with self.lock:
            self._depth += 1
            try:
                yield self.data
            finally:
                self._depth -= 1
                if not self._depth:
                    self._write()

    @contextmanager
    def read(self) -> Iterator[dict[str, Any]]:
        """Return the state to look at, standing still meanwhile."""
        with self.lock:
            yield self.data
