"""An exported state (`pulumi stack export`) as resources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policy.resources import Resource

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's mark of a secret, not one
_GONE: Final = object()


def resources(state: Mapping[str, Any]) -> Iterator[Resource]:
    """Yield the resources of a state; ValueError when it is none.

    Inputs and outputs are kept apart where both show a property, so that neither may show a secret.
    """
    deployment = state.get("deployment") if isinstance(state, Mapping) else None
    if not isinstance(deployment, Mapping):
        raise ValueError("this is no exported state: make one with `pulumi stack export`")
    for each in deployment.get("resources") or ():
        inputs = _readable(each.get("inputs") or {})
        yield Resource(
            each["urn"],
            each["type"],
            _joined(inputs, _readable(each.get("outputs") or {})),
            protect=bool(each.get("protect")),
            marks=True,
            inputs=inputs,
            leaving=bool(each.get("delete")),
        )


def _joined(inputs: Any, outputs: Any) -> Any:
    """Return the outputs with what only the inputs show."""
    if not (isinstance(inputs, Mapping) and isinstance(outputs, Mapping)):
        return outputs
    return {key: _joined(inputs.get(key, {}), outputs.get(key, inputs.get(key))) for key in {**inputs, **outputs}}


def _readable(value: Any) -> Any:
    """Return what can be read of a value, without what is marked secret."""
    if isinstance(value, Mapping):
        if value.get(SIGNATURE) == SECRET:
            return _GONE
        kept = {key: _readable(each) for key, each in value.items()}
        return {key: each for key, each in kept.items() if each is not _GONE}
    if isinstance(value, list):
        return [each for each in map(_readable, value) if each is not _GONE]
    return value
