"""The endpoints of Proxmox Backup Server and what a handler is given."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.api.routing import Endpoint, Router

if TYPE_CHECKING:
    from lab.pbs.server import BackupServer


@dataclass
class Call:
    """One request to an endpoint: who asks what, with validated parameters (path placeholders among them)."""

    server: "BackupServer"
    authid: str
    params: dict[str, Any]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter's value, `default` when it was not given."""
        return self.params.get(name, default)

    @property
    def ns(self) -> str:
        """The namespace asked for, empty for the root."""
        return str(self.params.get("ns", ""))

    def acl_path(self, ns: str | None = None) -> str:
        """Return the ACL path of the datastore asked for and a namespace (that of the call by default)."""
        return acl_path(self.params["store"], self.ns if ns is None else ns)


@dataclass(frozen=True)
class Digested:
    """Data whose answer carries the digest of the configuration it comes from."""

    data: Any
    digest: str


def acl_path(store: str, ns: str = "") -> str:
    """Return the ACL path of a namespace."""
    return f"/datastore/{store}/{ns}".rstrip("/")


PbsEndpoint = Endpoint[Call]
ROUTER: Router[Call] = Router()
endpoint = ROUTER.endpoint
