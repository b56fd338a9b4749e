"""What a rule is, and what it measures by."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from policy.resources import Resource

Level = Literal["mandatory", "advisory", "production"]
"""What a violation does: stop the run, be shown, or stop production stacks and be shown elsewhere."""

PRODUCTION: Final = frozenset({"prod", "production"})
DMZ: Final = ("172.16.10.0/24",)
"""The data model's DMZ (routing configuration, validation rules)."""


@dataclass(frozen=True)
class Limits:
    """What the rules measure by. `max_key_age_days` of None takes the age each key's own policy names."""

    now: dt.datetime
    max_key_age_days: int | None = None
    dmz_networks: tuple[str, ...] = DMZ

    @classmethod
    def of(cls, config: Mapping[str, Any], now: dt.datetime) -> Limits:
        """Return the limits that a rule's part of the policy config file sets, with defaults for what it leaves out."""
        days = config.get("max_key_age_days")
        return cls(now, int(days) if days else None, tuple(config.get("dmz_networks") or DMZ))


@dataclass(frozen=True)
class ResourceRule:
    """A rule about one resource of a type: it is judged before the resource is touched."""

    name: str
    description: str
    level: Level
    type: str
    check: Callable[[Resource, Limits], Iterator[str]]


@dataclass(frozen=True)
class StackRule:
    """A rule about what the stack consists of: it is judged when all resources are known."""

    name: str
    description: str
    level: Level
    check: Callable[[Sequence[Resource], Limits], Iterator[str]]


def is_production(stack: str) -> bool:
    """Tell whether a stack is one on which rules of level `production` stop the run."""
    return stack in PRODUCTION
