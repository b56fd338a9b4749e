"""What was asked of a stand-in, one JSON object a line: names of parameters, never their values."""

import json
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class RequestLog:
    """Appends to one file; a line is whole or absent."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("a", buffering=1)

    def write(self, entry: Mapping[str, Any]) -> None:
        """Append one request (`time` in seconds since the epoch is added)."""
        with self._lock:
            self._file.write(json.dumps({"time": round(time.time(), 3), **entry}) + "\n")

    def close(self) -> None:
        """Write what is left."""
        self._file.close()


def read_log(path: Path) -> list[dict[str, Any]]:
    """All requests logged so far."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
