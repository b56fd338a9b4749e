"""Faults on demand: `faults.json` beside the state makes the next matching requests go wrong."""

import fcntl
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["status", "garbage", "timeout", "cut-before", "cut-after"]


@dataclass
class Fault:
    """One planned fault, for `count` matching requests after the first `skip` of them.

    `method` and `path` are regular expressions; the path is searched decoded, e.g. `/api2/json/nodes/pve/lxc`.
    `status` answers with `status` and `message`; `garbage` with 200 and no JSON; `timeout` says nothing for
    `seconds` and cuts; `cut-before` cuts before anything is written; `cut-after` acts and then cuts.
    """

    kind: Kind
    method: str = ".*"
    path: str = ".*"
    count: int = 1
    skip: int = 0
    status: int = 500
    message: str = "injected fault"
    seconds: float = 30.0

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault concerns the request."""
        return bool(re.fullmatch(self.method, method) and re.search(self.path, path))


class FaultFile:
    """The plan on disk, safe between the server and any number of test processes."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def _edit(self) -> Iterator[list[Fault]]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            held = json.loads(self.path.read_text()) if self.path.exists() else []
            faults = [Fault(**item) for item in held]
            yield faults
            left = [asdict(fault) for fault in faults if fault.count > 0]
            if left:
                draft = self.path.with_suffix(".new")
                draft.write_text(json.dumps(left))
                draft.replace(self.path)
            elif self.path.exists():
                self.path.unlink()

    def plant(self, *faults: Fault) -> None:
        """Add faults to the plan."""
        with self._edit() as held:
            held.extend(faults)

    def clear(self) -> None:
        """Forget the plan."""
        with self._edit() as held:
            held.clear()

    def planned(self) -> list[Fault]:
        """Return what is still to come."""
        with self._edit() as held:
            return list(held)

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request, used up by one; None nearly always."""
        if not self.path.exists():
            return None
        with self._edit() as held:
            for fault in held:
                if fault.count > 0 and fault.matches(method, path):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.count -= 1
                    return fault
        return None
