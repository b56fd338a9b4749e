"""/config/prune, /config/verify and their runs under /admin: the two kinds of jobs have the same shape."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lab.api.schema import Param
from lab.pbs.dialect import bad_parameters, refused
from lab.pbs.jobs import run_job, shown_status
from lab.pbs.parameters import DELETE, DIGEST, ID, PRUNE_JOB, SAFE_ID, VERIFY_JOB
from lab.pbs.routing import Call, Digested, acl_path, endpoint


@dataclass(frozen=True)
class Kind:
    """A kind of job: its name in paths, its section type in messages, who may read and write it."""

    name: str
    section: str
    options: Mapping[str, Param]
    required: tuple[str, ...]
    removable: tuple[str, ...]
    read: tuple[str, ...]
    write: str

    def job(self, call: Call) -> dict[str, Any]:
        """Return the job asked for; raises 400 when there is none."""
        found: dict[str, Any] | None = call.server.data[self.name].get(call.params["id"])
        if found is None:
            raise refused(f"no such {self.section} '{call.params['id']}'")
        return found

    def require(self, call: Call, job: Mapping[str, Any], *privileges: str) -> None:
        """Refuse a caller without one of the privileges on the job's namespace."""
        call.server.permissions.require(call.authid, acl_path(job["store"], job.get("ns", "")), *privileges)

    def visible(self, call: Call) -> list[str]:
        """Return the names of the jobs the caller may read."""
        return [
            name
            for name, job in call.server.data[self.name].items()
            if call.server.permissions.has(call.authid, acl_path(job["store"], job.get("ns", "")), *self.read)
        ]

    def check_digest(self, call: Call) -> None:
        """Refuse a change made in ignorance of another one."""
        if call.get("digest", call.server.digest(self.name)) != call.server.digest(self.name):
            raise refused("detected modified configuration - file changed by other user? Try again.")


PRUNE = Kind(
    "prune",
    "prune",
    PRUNE_JOB,
    ("store", "schedule"),
    tuple(name for name in PRUNE_JOB if name not in ("store", "schedule")),
    ("Datastore.Audit", "Datastore.Modify"),
    "Datastore.Modify",
)
VERIFY = Kind(
    "verify",
    "verification",
    VERIFY_JOB,
    ("store",),
    tuple(name for name in VERIFY_JOB if name != "store"),
    ("Datastore.Audit", "Datastore.Verify"),
    "Datastore.Verify",
)


def _list(kind: Kind, call: Call) -> Any:
    jobs = call.server.data[kind.name]
    return Digested([{"id": name, **jobs[name]} for name in kind.visible(call)], call.server.digest(kind.name))


def _read(kind: Kind, call: Call) -> Any:
    job = kind.job(call)
    kind.require(call, job, *kind.read)
    return Digested({"id": call.params["id"], **job}, call.server.digest(kind.name))


def _json(options: Mapping[str, Any], kind: Kind) -> dict[str, Any]:
    return {name: bool(value) if kind.options[name].kind == "boolean" else value for name, value in options.items()}


def _create(kind: Kind, call: Call) -> None:
    job = _json({name: value for name, value in call.params.items() if name != "id"}, kind)
    kind.require(call, job, kind.write)
    call.server.datastore(job["store"])
    with call.server.store.edit() as data:
        if call.params["id"] in data[kind.name]:
            raise bad_parameters({"id": f"job '{call.params['id']}' already exists."})
        data[kind.name][call.params["id"]] = job


def _update(kind: Kind, call: Call) -> None:
    job = kind.job(call)
    kind.require(call, job, kind.write)
    kind.check_digest(call)
    for name in call.get("delete", []):
        if name not in kind.removable:
            raise bad_parameters({"delete": f"value '{name}' is not defined in the enumeration."})
    given = _json({name: value for name, value in call.params.items() if name not in ("id", "delete", "digest")}, kind)
    changed = {name: value for name, value in job.items() if name not in call.get("delete", [])} | given
    kind.require(call, changed, kind.write)
    call.server.datastore(changed["store"])
    with call.server.store.edit() as data:
        data[kind.name][call.params["id"]] = changed


def _delete(kind: Kind, call: Call) -> None:
    kind.require(call, kind.job(call), kind.write)
    kind.check_digest(call)
    with call.server.store.edit() as data:
        del data[kind.name][call.params["id"]]
        data["last_runs"].pop(f"{kind.name}/{call.params['id']}", None)


def _status(kind: Kind, call: Call) -> Any:
    shown = [shown_status(call.server, kind.name, name) for name in kind.visible(call)]
    return Digested(
        [job for job in shown if call.get("store", job["store"]) == job["store"]], call.server.digest(kind.name)
    )


def _run(kind: Kind, call: Call) -> Any:
    kind.require(call, kind.job(call), kind.write)
    return run_job(call.server, kind.name, call.params["id"], call.authid)


def _register(kind: Kind) -> None:
    creation = {name: param.required() if name in kind.required else param for name, param in kind.options.items()}
    base = f"/config/{kind.name}"
    endpoint("GET", base)(lambda call: _list(kind, call))
    endpoint("POST", base, {**ID, **creation})(lambda call: _create(kind, call))
    endpoint("GET", f"{base}/{{id}}", ID)(lambda call: _read(kind, call))
    endpoint("PUT", f"{base}/{{id}}", {**ID, **kind.options, **DELETE, **DIGEST})(lambda call: _update(kind, call))
    endpoint("DELETE", f"{base}/{{id}}", {**ID, **DIGEST})(lambda call: _delete(kind, call))
    endpoint("GET", f"/admin/{kind.name}", {"store": SAFE_ID})(lambda call: _status(kind, call))
    endpoint("POST", f"/admin/{kind.name}/{{id}}/run", ID)(lambda call: _run(kind, call))


_register(PRUNE)
_register(VERIFY)
