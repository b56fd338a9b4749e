"""Zabbix's API as the lab and its tests need it: as an administrator, without the product's client."""

import json
import ssl
import urllib.request
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Any

from lab.errors import LabError

ADMINISTRATOR = "Admin"
FIRST_PASSWORD = "zabbix"
TIMEOUT = 300
READ_WRITE, READ = 3, 2
"""Permissions of a user group on a host or template group (user group object, Zabbix API)."""
USER, ADMIN = 1, 2
"""Types of a role (role object, Zabbix API)."""
DEPLOY_METHODS = (
    "host.get",
    "host.create",
    "host.update",
    "host.delete",
    "hostgroup.get",
    "template.get",
    "template.delete",
    "configuration.import",
    "configuration.export",
)
"""All that a deploying token must be allowed to call, `templategroup.get` besides from 6.2 on."""


class ApiError(LabError):
    """Zabbix refused a call; the message is its own."""


@dataclass
class Api:
    """One Zabbix at `url`, of version "6.0" or "7.0"; `auth` is a session or token, None at first.

    `cafile` names the authority that vouches for an https address.
    """

    url: str
    version: str
    auth: str | None = None
    cafile: str | None = None

    def login(self, user: str, password: str) -> None:
        """Open a session; raises ApiError for wrong credentials."""
        self.auth = None
        self.auth = self("user.login", {"username": user, "password": password})

    def __call__(self, method: str, params: Any) -> Any:
        """Return the result of `method`; raises ApiError, OSError and ValueError."""
        body: dict[str, Any] = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        headers = {"Content-Type": "application/json-rpc"}
        if self.auth and self.version == "6.0":
            body["auth"] = self.auth
        elif self.auth:
            headers["Authorization"] = f"Bearer {self.auth}"
        request = urllib.request.Request(f"{self.url}/api_jsonrpc.php", json.dumps(body).encode(), headers)
        trust = ssl.create_default_context(cafile=self.cafile) if self.cafile else None
        with urllib.request.urlopen(request, timeout=TIMEOUT, context=trust) as response:
            answer = json.load(response)
        if "error" in answer:
            raise ApiError(f"{method}: {answer['error'].get('data')}")
        return answer["result"]

    @property
    def has_template_groups(self) -> bool:
        """Whether templates have groups of their own, as since 6.2."""
        return self.version != "6.0"


@dataclass(frozen=True)
class Groups:
    """Ids of the groups of one name; `templates` equals `hosts` where they are the same."""

    hosts: str
    templates: str


def ensure_groups(api: Api, name: str) -> Groups:
    """Return the host group and the template group `name`, made if missing."""
    hosts = _ensure(api, "hostgroup", {"name": name})
    kind = "templategroup" if api.has_template_groups else "hostgroup"
    return Groups(hosts, _ensure(api, kind, {"name": name}))


def deploy_token(api: Api, groups: Groups) -> str:
    """Return a new API token that may do what the program needs, and nothing else."""
    extra = ("templategroup.get",) if api.has_template_groups else ()
    rules = {"api.access": 1, "api.mode": 1, "api": [*DEPLOY_METHODS, *extra], "ui.default_access": 0}
    role = _ensure(api, "role", {"name": "WireGuard VPN deploy", "type": ADMIN, "rules": rules})
    team = _team(api, "WireGuard VPN deploy", groups, READ_WRITE, gui_access=3)
    user = _user(api, "wgdeploy", role, team, None)
    token = api("token.create", {"name": f"pulumi {_count(api, user)}", "userid": user})["tokenids"][0]
    secret: str = api("token.generate", [token])[0]["token"]
    return secret


def ensure_viewer(api: Api, groups: Groups, name: str, password: str) -> None:
    """Make a login that may look at the hosts of these groups and change nothing."""
    role = api("role.get", {"filter": {"name": "User role"}})[0]["roleid"]
    _user(api, name, role, _team(api, "WireGuard VPN view", groups, READ, gui_access=0), password)


def _team(api: Api, name: str, groups: Groups, permission: int, gui_access: int) -> str:
    hosts = [{"id": groups.hosts, "permission": permission}]
    templates = [{"id": groups.templates, "permission": permission}]
    rights = (
        {"hostgroup_rights": hosts, "templategroup_rights": templates} if api.has_template_groups else {"rights": hosts}
    )
    return _ensure(api, "usergroup", {"name": name, "gui_access": gui_access, **rights})


def _user(api: Api, name: str, role: str, team: str, password: str | None) -> str:
    known = api("user.get", {"filter": {"username": name}, "output": ["userid"]})
    if known:
        return str(known[0]["userid"])
    secret = password or f"{token_urlsafe(24)}aA1!"
    body = {"username": name, "passwd": secret, "roleid": role, "usrgrps": [{"usrgrpid": team}]}
    return str(api("user.create", body)["userids"][0])


def _count(api: Api, user: str) -> int:
    return len(api("token.get", {"userids": [user], "output": ["tokenid"]}))


def _ensure(api: Api, kind: str, body: dict[str, Any]) -> str:
    """Return the id of the object of this name, made if missing."""
    id_name = {"usergroup": "usrgrpid", "role": "roleid"}.get(kind, "groupid")
    known = api(f"{kind}.get", {"filter": {"name": body["name"]}, "output": [id_name]})
    if known:
        return str(known[0][id_name])
    return str(api(f"{kind}.create", body)[f"{id_name}s"][0])
