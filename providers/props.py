"""Inputs and outputs of our dynamic resources, typed, as they go to Pulumi and come from it."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pulumi.output import Output, Unknown
from pydantic import BaseModel, ConfigDict, Field

from vpn import tables

PROVIDER_KEY = "__provider"
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""What Pulumi's protocol writes for a value that is not known before `up`."""


class Props(BaseModel):
    """Inputs and outputs of one resource, typed.

    `unknown` names the inputs whose value preview does not know; they are absent from the model,
    so a field that may be unknown needs a default. `as_text` names the tables that Pulumi holds as text.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")
    as_text: ClassVar[frozenset[str]] = frozenset()

    unknown: frozenset[str] = Field(default=frozenset(), exclude=True)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Self:
        """Return the model of what Pulumi sent; pydantic's ValidationError where it does not fit."""
        unknown = frozenset(key for key, value in raw.items() if is_unknown(value))
        known = {
            k: tables.loads(v) if k in cls.as_text else v
            for k, v in raw.items()
            if k not in unknown and k != PROVIDER_KEY
        }
        return cls.model_validate({**known, "unknown": unknown})

    def dump(self) -> dict[str, Any]:
        """Return the values as Pulumi stores them, those not known yet marked so."""
        known = self.model_dump(mode="json", exclude_none=True)
        texts = {name: tables.dumps(known[name]) for name in self.as_text & known.keys()}
        return known | texts | dict.fromkeys(self.unknown, UNKNOWN)

    @classmethod
    def inputs(cls, props: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a program gives a resource, its tables as text."""
        return {name: _text(value) if name in cls.as_text else value for name, value in props.items()}

    def with_(self, **changes: Any) -> Self:
        """Return a copy with other values."""
        return self.model_copy(update=changes)


def _text(table: Any) -> Any:
    return table.apply(tables.dumps) if isinstance(table, Output) else tables.dumps(table)


def is_unknown(value: object) -> bool:
    """Whether `value`, or anything in it, is not known before `up`."""
    if isinstance(value, dict):
        return any(map(is_unknown, value.values()))
    if isinstance(value, list | tuple):
        return any(map(is_unknown, value))
    return isinstance(value, Unknown) or value == UNKNOWN
