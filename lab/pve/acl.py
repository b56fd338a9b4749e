"""/access/acl: who has which role where."""

from typing import Any

from lab.api.schema import boolean, text
from lab.pve import formats as f
from lab.pve.checks import on
from lab.pve.dialect import died
from lab.pve.permissions import BUILTIN_ROLES
from lab.pve.routing import Call, endpoint


@endpoint("GET", "/access/acl")
def list_acl(call: Call) -> Any:
    """All access rules, for those who may change permissions."""
    if not call.cluster.permissions.has(call.who, "/access", ["Permissions.Modify"]):
        return []
    return [
        {
            "path": item["path"],
            "ugid": item["authid"],
            "roleid": item["role"],
            "propagate": item["propagate"],
            "type": "token" if "!" in item["authid"] else "user",
        }
        for item in call.cluster.data["acl"]
    ]


@endpoint(
    "PUT",
    "/access/acl",
    {
        "path": text().required(),
        "roles": text(check=f.each(f.role_id)).required(),
        "delete": boolean(),
        "groups": text(),
        "propagate": boolean(),
        "tokens": text(check=f.each(f.token_id)),
        "users": text(check=f.each(f.user_id)),
    },
    permission=on("/access", "Permissions.Modify"),
)
def update_acl(call: Call) -> Any:
    """Grant or, with `delete`, withdraw roles at a path."""
    roles = f.split_list(call.params["roles"])
    for role in roles:
        if role not in call.cluster.data["roles"] and role not in BUILTIN_ROLES:
            raise died(f"role '{role}' does not exist")
    authids = f.split_list(call.get("users", "")) + f.split_list(call.get("tokens", ""))
    path = "/" + call.params["path"].strip("/")
    with call.cluster.store.edit() as data:
        kept = [
            item
            for item in data["acl"]
            if not (item["path"] == path and item["authid"] in authids and item["role"] in roles)
        ]
        if not call.get("delete"):
            kept += [
                {"path": path, "authid": authid, "role": role, "propagate": call.get("propagate", 1)}
                for authid in authids
                for role in roles
            ]
        data["acl"] = kept
