"""Background work of a server: each task runs in a thread and is known by its UPID."""

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from lab.api.store import Store

KEEP = 200


@dataclass
class Task:
    """One task as kept in the state; `exitstatus` is empty while it runs."""

    upid: str
    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str
    exitstatus: str = ""
    endtime: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether the work still goes on."""
        return not self.exitstatus

    @property
    def owner(self) -> dict[str, str]:
        """User and, where one started the task, token, as both APIs tell them."""
        user, _, token = self.user.partition("!")
        return {"user": user} | ({"tokenid": token} if token else {})


class Naming(Protocol):
    """How a server spells a UPID."""

    def __call__(self, *, node: str, pid: int, pstart: int, start: int, kind: str, ident: str, user: str) -> str:
        """Return the UPID of one task."""
        ...


class TaskError(Exception):
    """Ends a task; the text becomes its exit status."""


@dataclass(frozen=True)
class Log:
    """What a task's work is given: call it with a line for the task's log."""

    task: Task

    def __call__(self, line: str) -> None:  # noqa: D102 - the class says it
        self.task.log.append(line)


Work = Callable[[Log], None]
"""What a task does."""


class Tasks:
    """All tasks of one server, the latest kept in its store under `tasks`."""

    def __init__(self, store: Store, node: str, naming: Naming) -> None:
        self.store, self.node, self.naming = store, node, naming
        self._count = 0
        with store.edit() as data:
            held = [Task(**item) for item in data.setdefault("tasks", [])]
            for task in held:
                if task.running:
                    task.exitstatus, task.endtime = "unexpected status", int(time.time())
            self._tasks = {task.upid: task for task in held}
            data["tasks"] = [asdict(task) for task in held]

    def start(self, kind: str, ident: str, user: str, work: Work) -> str:
        """Run `work` in the background and return its UPID at once."""
        task = self._new(kind, ident, user)
        threading.Thread(target=self._run, args=(task, work), daemon=True, name=task.upid).start()
        return task.upid

    def _new(self, kind: str, ident: str, user: str) -> Task:
        with self.store.lock:
            self._count += 1
            now = time.time()
            pid, pstart = 100_000 + self._count, int(now * 100) & 0xFFFFFFFF
            upid = self.naming(
                node=self.node, pid=pid, pstart=pstart, start=int(now), kind=kind, ident=ident, user=user
            )
            task = Task(upid, self.node, pid, pstart, int(now), kind, ident, user)
            self._tasks[upid] = task
            self._save()
        return task

    def _run(self, task: Task, work: Work) -> None:
        status = "OK"
        try:
            work(Log(task))
        except TaskError as error:
            status = str(error)
        except Exception as error:
            task.log.extend(traceback.format_exc().splitlines())
            status = str(error) or type(error).__name__
        status = " ".join(status.split())
        with self.store.lock:
            task.log.append("TASK OK" if status == "OK" else f"TASK ERROR: {status}")
            task.endtime = int(time.time())
            task.exitstatus = status
            self._save()

    def _save(self) -> None:
        for upid in [u for u, t in self._tasks.items() if not t.running][:-KEEP]:
            del self._tasks[upid]
        with self.store.edit() as data:
            data["tasks"] = [asdict(task) for task in self._tasks.values()]

    def find(self, upid: str) -> Task | None:
        """Return the task of that UPID."""
        return self._tasks.get(upid)

    def latest(self) -> list[Task]:
        """All tasks, the latest first."""
        with self.store.lock:
            return list(self._tasks.values())[::-1]


def log_page(task: Task, start: int, limit: int) -> list[dict[str, Any]]:
    """Lines of the task's log as the API lists them, numbered from 1."""
    lines = task.log or ["no content"]
    end = None if not limit else start + limit
    return [{"n": start + n + 1, "t": line} for n, line in enumerate(lines[start:end])]
