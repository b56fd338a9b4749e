"""Endpoints of an API: each declares its path, the parameters it accepts and the permission it needs."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from lab.api.schema import Param

SWALLOWING = {"volume", "cidr"}
"""Placeholders that take the rest of the path, slashes included."""

CallT = TypeVar("CallT")


@dataclass(frozen=True)
class Endpoint(Generic[CallT]):
    """One method of one path. `permission` raises when the caller may not; `world` needs no login."""

    method: str
    path: str
    params: Mapping[str, Param]
    handler: Callable[[CallT], Any]
    permission: Callable[[CallT], None] | None = None
    world: bool = False
    token: bool = True
    pattern: re.Pattern[str] = field(init=False, compare=False)

    def __post_init__(self) -> None:
        pieces = re.split(r"\{(\w+)\}", self.path)
        regex = "".join(
            re.escape(piece) if n % 2 == 0 else f"(?P<{piece}>{'.+' if piece in SWALLOWING else '[^/]+'})"
            for n, piece in enumerate(pieces)
        )
        object.__setattr__(self, "pattern", re.compile(regex))


class Router(Generic[CallT]):
    """All endpoints of one API."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint[CallT]] = []

    def endpoint(
        self,
        method: str,
        path: str,
        params: Mapping[str, Param] | None = None,
        *,
        permission: Callable[[CallT], None] | None = None,
        world: bool = False,
        token: bool = True,
    ) -> Callable[[Callable[[CallT], Any]], Callable[[CallT], Any]]:
        """Register the decorated function as the handler of `method` on `path`."""

        def register(handler: Callable[[CallT], Any]) -> Callable[[CallT], Any]:
            self.endpoints.append(Endpoint(method, path, params or {}, handler, permission, world, token))
            self.endpoints.sort(key=lambda known: known.path.count("{"))
            return handler

        return register

    def match(self, method: str, path: str) -> tuple[Endpoint[CallT], dict[str, str]] | None:
        """Return the endpoint for a request and the values of its placeholders; literal paths go first."""
        for candidate in self.endpoints:
            found = candidate.pattern.fullmatch(path) if candidate.method == method else None
            if found:
                return candidate, found.groupdict()
        return None
