"""/access: tickets, permissions, users and their API tokens."""

import uuid
from typing import Any

from lab.api.schema import boolean, integer, text
from lab.api.secrets import hash_secret
from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.dialect import bad_parameter, died
from lab.pve.parameters import DELETE
from lab.pve.permissions import PRIVILEGES
from lab.pve.routing import Call, endpoint

USER_ID = {"userid": text(check=f.user_id, size=(None, 64)).required()}
TOKEN_ID = {**USER_ID, "tokenid": text(pattern=r"[A-Za-z][A-Za-z0-9.\-_]+").required()}
TOKEN_OPTIONS = {"comment": text(), "expire": integer(0), "privsep": boolean()}


@endpoint(
    "POST",
    "/access/ticket",
    {
        "username": text(size=(None, 64)).required(),
        "password": text().required(),
        "otp": text(),
        "realm": text(check=f.realm, size=(None, 32)),
        "path": text(size=(None, 64), requires="privs"),
        "privs": text(size=(None, 64), requires="path"),
        "new-format": boolean(),
        "tfa-challenge": text(),
    },
    world=True,
    token=False,
)
def create_ticket(call: Call) -> Any:
    """Log in with a password."""
    user = call.params["username"]
    if "@" not in user and call.get("realm"):
        user = f"{user}@{call.get('realm')}"
    answer = call.cluster.authenticator.login(user, call.params["password"])
    return {**answer, "cap": {}, "clustername": "lab"}


def paths_of(call: Call) -> list[str]:
    """Paths whose privileges the overview lists."""
    data = call.cluster.data
    known = {item["path"] for item in data["acl"]}
    return sorted(
        known
        | {"/"}
        | {f"/vms/{vmid}" for vmid in data["guests"]}
        | {f"/pool/{p}" for p in data["pools"]}
        | {f"/storage/{name}" for name in data["storages"]}
    )


@endpoint(
    "GET",
    "/access/permissions",
    {
        "path": text(),
        "userid": text(pattern=r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+(![A-Za-z][A-Za-z0-9.\-_]+)?"),
    },
)
def read_permissions(call: Call) -> Any:
    """Own privileges by path, 1 when they propagate (those of others need Sys.Audit on /access)."""
    wanted = call.get("userid", call.who.authid)
    if wanted != call.who.authid and wanted.partition("!")[0] != call.who.authid:
        call.cluster.permissions.require(call.who, "/access", ["Sys.Audit"])
    paths = [call.params["path"]] if "path" in call.params else paths_of(call)
    found = {path: call.cluster.permissions.of(wanted, path) for path in paths}
    return {
        path: {name: int(propagate) for name, propagate in held.items()}
        for path, held in found.items()
        if held or "path" in call.params
    }


def _self_or_admin(call: Call) -> None:
    if call.who.user != call.params["userid"]:
        call.cluster.permissions.require(call.who, "/access/groups", ["User.Modify"])


@endpoint(
    "POST",
    "/access/users",
    {
        **USER_ID,
        "comment": text(size=(None, 2048)),
        "email": text(size=(None, 254)),
        "enable": boolean(),
        "expire": integer(0),
        "firstname": text(size=(None, 1024)),
        "groups": text(),
        "lastname": text(size=(None, 1024)),
        "keys": text(pattern=r"[0-9a-zA-Z!=]{0,4096}"),
        "password": text(size=(8, 64)),
    },
    permission=on("/access/groups", "User.Modify"),
)
def create_user(call: Call) -> Any:
    """Add a user."""
    user = call.params["userid"]
    with call.cluster.store.edit() as data:
        if user in data["users"]:
            raise died(f"create user failed: user '{user}' already exists")
        held: dict[str, Any] = {"enable": call.get("enable", 1)}
        if "password" in call.params:
            held["hash"] = hash_secret(call.params["password"])
        data["users"][user] = held


def _token_id(call: Call) -> str:
    return f"{call.params['userid']}!{call.params['tokenid']}"


def _shown(token: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in token.items() if key != "hash"}


def _held(call: Call) -> dict[str, Any]:
    found: dict[str, Any] | None = call.cluster.data["tokens"].get(_token_id(call))
    if found is None:
        raise died(f"no such token '{call.params['tokenid']}' for user '{call.params['userid']}'")
    return found


@endpoint("GET", "/access/users/{userid}/token/{tokenid}", TOKEN_ID, permission=_self_or_admin)
def read_token(call: Call) -> Any:
    """One API token, without its secret."""
    return _shown(_held(call))


@endpoint("POST", "/access/users/{userid}/token/{tokenid}", {**TOKEN_ID, **TOKEN_OPTIONS}, permission=_self_or_admin)
def create_token(call: Call) -> Any:
    """Make a new API token; its secret is told this once."""
    if call.params["userid"] not in call.cluster.data["users"]:
        raise died(f"no such user ('{call.params['userid']}')")
    secret = str(uuid.uuid4())
    with call.cluster.store.edit() as data:
        if _token_id(call) in data["tokens"]:
            raise died(f"Token already exists: '{_token_id(call)}'")
        token = {"privsep": call.get("privsep", 1), "expire": call.get("expire", 0), "hash": hash_secret(secret)}
        data["tokens"][_token_id(call)] = token
    return {"full-tokenid": _token_id(call), "value": secret, "info": _shown(token)}


@endpoint(
    "PUT",
    "/access/users/{userid}/token/{tokenid}",
    {**TOKEN_ID, **TOKEN_OPTIONS, **DELETE, "regenerate": boolean()},
    permission=_self_or_admin,
)
def update_token(call: Call) -> Any:
    """Change a token, or give it another secret."""
    token = _held(call)
    secret = str(uuid.uuid4())
    with call.cluster.store.edit():
        token |= {name: call.params[name] for name in ("comment", "expire", "privsep") if name in call.params}
        if call.get("regenerate"):
            token["hash"] = hash_secret(secret)
    return _shown(token) | ({"value": secret, "full-tokenid": _token_id(call)} if call.get("regenerate") else {})


@endpoint("DELETE", "/access/users/{userid}/token/{tokenid}", TOKEN_ID, permission=_self_or_admin)
def delete_token(call: Call) -> Any:
    """Revoke a token; its access rules go with it."""
    _held(call)
    with call.cluster.store.edit() as data:
        del data["tokens"][_token_id(call)]
        data["acl"] = [item for item in data["acl"] if item["authid"] != _token_id(call)]


@endpoint("GET", "/access/roles")
def list_roles(call: Call) -> Any:
    """Return the roles of the site."""
    return [
        {"roleid": name, "privs": ",".join(privileges), "special": 0}
        for name, privileges in call.cluster.data["roles"].items()
    ]


@endpoint(
    "POST",
    "/access/roles",
    {"roleid": text(check=f.role_id).required(), "privs": text()},
    permission=on("/access", "Sys.Modify"),
)
def create_role(call: Call) -> Any:
    """Make a role; an unknown privilege (VM.Monitor is gone since 9) is refused."""
    privileges = f.split_list(call.get("privs", ""))
    for name in privileges:
        if name not in PRIVILEGES:
            raise bad_parameter("privs", f"invalid privilege '{name}'")
    with call.cluster.store.edit() as data:
        if call.params["roleid"] in data["roles"]:
            raise died(f"role '{call.params['roleid']}' already exists")
        data["roles"][call.params["roleid"]] = privileges
