"""What an import yields, and the names peers get."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

MAX_NAME: Final = 63


@dataclass(frozen=True)
class Imported:
    """Stack configuration by config key, its secrets by key path (`peers[0].preshared_key`), and what to know.

    `reports` tells, a line each, what is not carried over or is carried over changed.
    """

    origin: str
    config: dict[str, Any]
    secrets: dict[str, str] = field(repr=False)
    reports: tuple[str, ...]


@dataclass
class Draft:
    """An import in the making."""

    origin: str
    config: dict[str, Any] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    reports: list[str] = field(default_factory=list)
    peers: list[dict[str, Any]] = field(default_factory=list)

    def report(self, text: str, line: int = 0) -> None:
        """Note something people should know, with the line it stands on."""
        self.reports.append(f"line {line}: {text}" if line else text)

    def add_peer(self, peer: dict[str, Any], secrets: dict[str, str | None]) -> None:
        """Add a peer and its secrets."""
        prefix = f"peers[{len(self.peers)}]"
        self.secrets |= {f"{prefix}.{key}": secret for key, secret in secrets.items() if secret}
        self.peers.append(peer)

    def finish(self) -> Imported:
        """Return the finished import."""
        config = {**self.config, "peers": self.peers}
        return Imported(self.origin, config, self.secrets, tuple(self.reports))


def fit_name(wanted: str, taken: Iterable[str]) -> str:
    """Return a peer name that our rule allows and nobody has, as near to the wanted one as can be."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", wanted).strip("-._")[:MAX_NAME] or "peer"
    used = {name.casefold() for name in taken}
    name, number = plain, 2
    while name.casefold() in used:
        suffix = f"-{number}"
        name, number = plain[: MAX_NAME - len(suffix)] + suffix, number + 1
    return name
