"""/nodes/{node}/tasks: what the node works on, and how it went."""

from typing import Any

from lab.api.schema import boolean, integer, text
from lab.api.tasks import Task, log_page
from lab.pve.dialect import bad_parameter
from lab.pve.identity import Identity
from lab.pve.parameters import NODE, VMID
from lab.pve.routing import Call, endpoint

UPID = {**NODE, "upid": text().required()}


def _task(call: Call, privilege: str = "Sys.Audit") -> Task:
    given = call.params["upid"]
    if not given.startswith("UPID:") or given.count(":") < 8:
        raise bad_parameter("upid", f"unable to parse worker upid '{given}'")
    task = call.cluster.tasks.find(given)
    if task is None:
        raise bad_parameter("upid", "no such task")
    if not _own(call.who, task):
        call.cluster.permissions.require(call.who, f"/nodes/{call.node}", [privilege])
    return task


def _own(who: Identity, task: Task) -> bool:
    return who.authid == task.user or (not who.is_token and task.user.partition("!")[0] == who.authid)


@endpoint("GET", "/nodes/{node}/tasks/{upid}/status", UPID)
def task_status(call: Call) -> Any:
    """Whether a task still runs, and how it ended."""
    task = _task(call)
    shown = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "id": task.id,
        "starttime": task.starttime,
        "type": task.type,
        "status": "running" if task.running else "stopped",
    }
    return shown | task.owner | ({} if task.running else {"exitstatus": task.exitstatus})


@endpoint(
    "GET", "/nodes/{node}/tasks/{upid}/log", {**UPID, "download": boolean(), "limit": integer(0), "start": integer(0)}
)
def task_log(call: Call) -> Any:
    """Lines of a task's log."""
    return log_page(_task(call), call.get("start", 0), call.get("limit", 50))


@endpoint("DELETE", "/nodes/{node}/tasks/{upid}", UPID)
def stop_task(call: Call) -> Any:
    """Ask a task to end; work of this stand-in is short and finishes by itself."""
    _task(call, "Sys.Modify")


@endpoint(
    "GET",
    "/nodes/{node}/tasks",
    {
        **NODE,
        "errors": boolean(),
        "limit": integer(0),
        "since": integer(),
        "source": text(enum=("archive", "active", "all")),
        "start": integer(0),
        "statusfilter": text(),
        "typefilter": text(),
        "until": integer(),
        "userfilter": text(),
        "vmid": VMID,
    },
)
def list_tasks(call: Call) -> Any:
    """Tasks, the latest first: own ones, or all with Sys.Audit on the node."""
    everyone = call.cluster.permissions.has(call.who, f"/nodes/{call.node}", ["Sys.Audit"])
    found = [t for t in call.cluster.tasks.latest() if (everyone or _own(call.who, t)) and _wanted(call, t)]
    begin = call.get("start", 0)
    return [_listed(task) for task in found[begin : begin + (call.get("limit", 50) or len(found))]]


def _wanted(call: Call, task: Task) -> bool:
    source = call.get("source", "archive")
    return all(
        (
            source == "all" or task.running == (source == "active"),
            call.get("typefilter", task.type) == task.type,
            str(call.get("vmid", task.id)) == task.id,
            call.get("userfilter", "") in task.user,
            call.get("since", 0) <= task.starttime <= call.get("until", task.starttime),
            not call.get("errors") or (not task.running and task.exitstatus != "OK"),
        )
    )


def _listed(task: Task) -> dict[str, Any]:
    shown = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "type": task.type,
        "id": task.id,
        "starttime": task.starttime,
        **task.owner,
    }
    return shown if task.running else shown | {"endtime": task.endtime, "status": task.exitstatus}
