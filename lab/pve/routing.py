"""Endpoints of the API: each declares its path, the parameters it accepts and the permission it needs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lab.api.schema import Param

if TYPE_CHECKING:
    from lab.pve.cluster import Cluster
    from lab.pve.identity import Identity

SWALLOWING = {"volume", "cidr"}
"""Placeholders that take the rest of the path, slashes included."""


@dataclass
class Call:
    """One request to an endpoint: who asks what, with validated parameters (path placeholders among them)."""

    cluster: "Cluster"
    who: "Identity"
    params: dict[str, Any]
    node: str = field(init=False)

    def __post_init__(self) -> None:
        self.node = self.cluster.node

    @property
    def vmid(self) -> int:
        """The VMID of the path or the parameters."""
        return int(self.params["vmid"])

    def get(self, name: str, default: Any = None) -> Any:
        """A parameter's value, `default` when it was not given."""
        return self.params.get(name, default)


Handler = Callable[[Call], Any]
Permission = Callable[[Call], None]


@dataclass(frozen=True)
class Endpoint:
    """One method of one path. `permission` raises when the caller may not; `world` needs no login."""

    method: str
    path: str
    params: Mapping[str, Param]
    handler: Handler
    permission: Permission | None = None
    world: bool = False
    token: bool = True
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        pieces = re.split(r"\{(\w+)\}", self.path)
        regex = "".join(
            re.escape(piece) if n % 2 == 0 else f"(?P<{piece}>{'.+' if piece in SWALLOWING else '[^/]+'})"
            for n, piece in enumerate(pieces))
        object.__setattr__(self, "pattern", re.compile(regex))


REGISTRY: list[Endpoint] = []


def endpoint(method: str, path: str, params: Mapping[str, Param] | None = None, *,
             permission: Permission | None = None, world: bool = False, token: bool = True,
             ) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of `method` on `path`."""
    def register(handler: Handler) -> Handler:
        REGISTRY.append(Endpoint(method, path, params or {}, handler, permission, world, token))
        return handler

    return register


def match(method: str, path: str) -> tuple[Endpoint, dict[str, str]] | None:
    """The endpoint for a request and the values of its placeholders; literal paths go first."""
    for candidate in sorted(REGISTRY, key=lambda e: e.path.count("{")):
        found = candidate.pattern.fullmatch(path) if candidate.method == method else None
        if found:
            return candidate, found.groupdict()
    return None
