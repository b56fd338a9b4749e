"""The rest: version, permissions, datastore definitions, tasks."""

from typing import Any

from lab.api.errors import ApiError
from lab.api.schema import array, boolean, integer, text
from lab.api.tasks import Task, log_page
from lab.pbs.dialect import refused
from lab.pbs.parameters import AUTHID, SAFE, SAFE_ID
from lab.pbs.routing import Call, endpoint

NODE = {"node": text(pattern=r"[a-zA-Z0-9](?:[a-zA-Z0-9\-]*[a-zA-Z0-9])?").required()}
UPID = {
    **NODE,
    "upid": text(
        pattern=r"UPID:[a-zA-Z0-9]([a-zA-Z0-9\-]*[a-zA-Z0-9])?:[0-9A-Fa-f]{8}:[0-9A-Fa-f]{8,9}:[0-9A-Fa-f]{8,16}:"
        r"[0-9A-Fa-f]{8}:[^:\s]+:[^:\s]*:[^:\s]+:",
        size=(36, None),
    ).required(),
}


@endpoint("GET", "/ping", world=True)
def ping(_: Call) -> Any:
    """Tell that the server is there."""
    return {"pong": True}


@endpoint("GET", "/version")
def version(_: Call) -> Any:
    """Tell the version."""
    return {"version": "4.0.20", "release": "1", "repoid": "0000000000000000"}


@endpoint("GET", "/access/permissions", {"auth-id": AUTHID, "path": text(pattern=rf"/|(/{SAFE})+", size=(1, 128))})
def permissions(call: Call) -> Any:
    """List own privileges by path, true when they propagate."""
    wanted = call.get("auth-id", call.authid)
    if wanted.partition("!")[0] != call.authid.partition("!")[0]:
        call.server.permissions.require(call.authid, "/access", "Sys.Audit")
    known = {item["path"] for item in call.server.data["acl"]} | {"/", "/datastore", "/system", "/access"}
    paths = [call.params["path"]] if "path" in call.params else sorted(known)
    return {path: held for path in paths if (held := call.server.permissions.of(wanted, path)) or "path" in call.params}


def _definition(call: Call, name: str) -> dict[str, Any]:
    held = call.server.data["datastores"][name]
    return {"name": name, "path": f"/mnt/datastore/{name}"} | {
        key: value for key, value in held.items() if key != "seed_namespaces"
    }


@endpoint("GET", "/config/datastore")
def list_datastores(call: Call) -> Any:
    """List the definitions of the datastores the caller may audit."""
    return [
        _definition(call, name)
        for name in call.server.datastores
        if call.server.permissions.has(call.authid, f"/datastore/{name}", "Datastore.Audit")
    ]


@endpoint("GET", "/config/datastore/{name}", {"name": SAFE_ID.required()})
def read_datastore(call: Call) -> Any:
    """Tell the definition of one datastore, its own prune schedule among it."""
    call.server.permissions.require_static(call.authid, f"/datastore/{call.params['name']}", "Datastore.Audit")
    call.server.datastore(call.params["name"])
    return _definition(call, call.params["name"])


def _may_see(call: Call, task: Task) -> bool:
    return task.user == call.authid or call.server.permissions.has(call.authid, "/system/tasks", "Sys.Audit")


def _task(call: Call) -> Task:
    found = call.server.tasks.find(call.params["upid"])
    if found is None:
        raise refused("no such task")
    if not _may_see(call, found):
        raise ApiError(403, "permission check failed")
    return found


@endpoint("GET", "/nodes/{node}/tasks/{upid}/status", UPID)
def task_status(call: Call) -> Any:
    """Tell whether a task still runs, and how it ended."""
    task = _task(call)
    shown = {
        "upid": task.upid,
        "node": task.node,
        "pid": task.pid,
        "pstart": task.pstart,
        "type": task.type,
        "id": task.id,
        "starttime": task.starttime,
        "status": "running" if task.running else "stopped",
        **task.owner,
    }
    return shown if task.running else shown | {"exitstatus": task.exitstatus}


@endpoint(
    "GET",
    "/nodes/{node}/tasks/{upid}/log",
    {**UPID, "download": boolean(), "limit": integer(0), "start": integer(0), "test-status": boolean()},
)
def task_log(call: Call) -> Any:
    """List lines of a task's log."""
    return log_page(_task(call), call.get("start", 0), call.get("limit", 50))


@endpoint(
    "GET",
    "/nodes/{node}/tasks",
    {
        **NODE,
        "errors": boolean(),
        "limit": integer(),
        "running": boolean(),
        "since": integer(),
        "start": integer(),
        "statusfilter": array(),
        "store": SAFE_ID,
        "typefilter": text(),
        "until": integer(),
        "userfilter": text(),
    },
)
def list_tasks(call: Call) -> Any:
    """List tasks, the latest first."""
    found = [task for task in call.server.tasks.latest() if _may_see(call, task) and _wanted(call, task)]
    begin = call.get("start", 0)
    return [
        {
            "upid": task.upid,
            "node": task.node,
            "pid": task.pid,
            "pstart": task.pstart,
            "worker_type": task.type,
            "worker_id": task.id,
            "starttime": task.starttime,
            "user": task.user,
        }
        | ({} if task.running else {"endtime": task.endtime, "status": task.exitstatus})
        for task in found[begin : begin + call.get("limit", 50)]
    ]


def _wanted(call: Call, task: Task) -> bool:
    return all(
        (
            call.get("typefilter", "") in task.type,
            call.get("userfilter", "") in task.user,
            call.get("store", "") in task.id,
            call.get("since", 0) <= task.starttime <= call.get("until", task.starttime),
            not call.get("running") or task.running,
            not call.get("errors") or (not task.running and task.exitstatus != "OK"),
        )
    )
