"""The rules as a CrossGuard policy pack: what Pulumi shows us, handed to the rules; what they say, reported."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyConfigSchema,
    PolicyPack,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.resources import Resource
from policy.rule import Limits, ResourceRule, StackRule, is_production
from policy.rules import RULES

NAME: Final = "wireguard-vpn"
ELSEWHERE: Final = "-elsewhere"
"""Ends the name of the advisory twin of a rule that is mandatory in production."""
SCHEMA: Final = PolicyConfigSchema(
    {
        "max_key_age_days": {"type": "integer", "minimum": 1},
        "dmz_networks": {"type": "array", "items": {"type": "string"}},
    }
)


def serve() -> None:
    """Serve the pack until the engine is done with it."""
    PolicyPack(NAME, policies())


def policies() -> list[Policy]:
    """Return every rule as a policy; one that depends on the stack is two, of which one speaks."""
    return [policy for rule in RULES for policy in _policies(rule)]


def _policies(rule: ResourceRule | StackRule) -> Iterator[Policy]:
    mandatory, advisory = EnforcementLevel.MANDATORY, EnforcementLevel.ADVISORY
    if rule.level != "production":
        yield _policy(rule, rule.name, mandatory if rule.level == "mandatory" else advisory, lambda _: True)
        return
    yield _policy(rule, rule.name, mandatory, is_production)
    yield _policy(rule, rule.name + ELSEWHERE, advisory, lambda stack: not is_production(stack))


def _policy(
    rule: ResourceRule | StackRule, name: str, level: EnforcementLevel, applies: Callable[[str], bool]
) -> Policy:
    if isinstance(rule, ResourceRule):
        return ResourceValidationPolicy(name, rule.description, _on_resource(rule, applies), level, SCHEMA)
    return StackValidationPolicy(name, rule.description, _on_stack(rule, applies), level, SCHEMA)


def _on_resource(
    rule: ResourceRule, applies: Callable[[str], bool]
) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    def validate(args: ResourceValidationArgs, report: ReportViolation) -> None:
        found = _resource(args)
        if found.type == rule.type and applies(found.stack):
            for message in rule.check(found, _limits(args.get_config())):
                report(message, None)

    return validate


def _on_stack(
    rule: StackRule, applies: Callable[[str], bool]
) -> Callable[[StackValidationArgs, ReportViolation], None]:
    def validate(args: StackValidationArgs, report: ReportViolation) -> None:
        found = [_resource(each) for each in args.resources]
        if found and applies(found[0].stack):
            for message in rule.check(found, _limits(args.get_config())):
                report(message, None)

    return validate


def _resource(shown: Any) -> Resource:
    """Return a resource from what Pulumi shows: arguments of a resource policy, or one of a stack policy's."""
    return Resource(shown.urn, shown.resource_type, _known(shown.props), protect=shown.opts.protect)


def _limits(config: Mapping[str, Any]) -> Limits:
    return Limits.of(config, dt.datetime.now(dt.UTC))


def _known(value: Any) -> Any:
    """Return a plain copy without what preview does not know yet: Pulumi's views raise when that is read."""
    if isinstance(value, Mapping):
        return {key: _known(each) for key in value for each in _read(value, key)}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_known(each) for index in range(len(value)) for each in _read(value, index)]
    return value


def _read(view: Any, key: Any) -> Iterator[Any]:
    try:
        yield view[key]
    except UnknownValueError:
        return
