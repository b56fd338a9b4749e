"""The endpoints of Proxmox VE and what a handler is given."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lab.api.routing import Endpoint, Router
from lab.pve.cluster import Cluster
from lab.pve.identity import Identity


@dataclass
class Call:
    """One request to an endpoint: who asks what, with validated parameters (path placeholders among them)."""

    cluster: Cluster
    who: Identity
    params: dict[str, Any]
    node: str = field(init=False)

    def __post_init__(self) -> None:
        self.node = self.cluster.node

    @property
    def vmid(self) -> int:
        """The VMID of the path or the parameters."""
        return int(self.params["vmid"])

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter's value, `default` when it was not given."""
        return self.params.get(name, default)


Permission = Callable[[Call], None]
PveEndpoint = Endpoint[Call]
ROUTER: Router[Call] = Router()
endpoint = ROUTER.endpoint
