"""The rules as Pulumi runs them, and over what the program really declares."""

import json
from typing import Any

import pytest
from pulumi_policy import EnforcementLevel, ResourceValidationArgs, ResourceValidationPolicy, StackValidationPolicy
from pulumi_policy.policy import PolicyCustomTimeouts, PolicyResource, PolicyResourceOptions, StackValidationArgs
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policy import resources as r
from policy.pack import ELSEWHERE, policies
from policy.resources import Resource
from policy.rules import RULES
from policy.state import resources
from tests.components.graph import SYSTEMS, declare, settings
from tests.policy.stack import config, said, sound, urn, with_, without

POLICIES = {policy.name: policy for policy in policies()}


def options(*, protect: bool) -> PolicyResourceOptions:
    """Return the options of a resource as the SDK hands them over."""
    return PolicyResourceOptions(protect, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])


def shown(each: Resource, stack: str) -> PolicyResource:
    """Return a resource as the SDK hands it to a stack policy."""
    props = unknown_checking_proxy(dict(each.props))
    place = urn(each.type, each.name, stack)
    return PolicyResource(each.type, props, place, each.name, options(protect=each.protect), None, None, [], {})


def told(name: str, found: list[Resource], stack: str = "prod", **limits: Any) -> list[str]:
    """Return what a policy reports about a stack."""
    policy, messages = POLICIES[name], list[str]()

    def report(message: str, _urn: str | None = None) -> None:
        messages.append(message)

    if isinstance(policy, StackValidationPolicy):
        policy.validate(StackValidationArgs([shown(each, stack) for each in found], limits), report)
        return messages
    assert isinstance(policy, ResourceValidationPolicy)
    for each in found:
        one = shown(each, stack)
        policy.validate(
            ResourceValidationArgs(one.resource_type, one.props, one.urn, one.name, one.opts, None, limits), report
        )
    return messages


@pytest.mark.parametrize("name", POLICIES)
def test_a_sound_stack_is_left_alone(name: str) -> None:
    assert told(name, [*sound().values()], max_key_age_days=10_000) == []


def test_a_policy_reports_what_its_rule_says() -> None:
    bad = with_("container", unprivileged=False)
    assert told("unprivileged", bad) == said("unprivileged", bad)
    assert told("firewall-present", without("firewall-options")) == said(
        "firewall-present", without("firewall-options")
    )


def test_limits_come_from_the_policy_s_configuration() -> None:
    assert told("key-age", [*sound().values()], max_key_age_days=1)
    assert told("dmz-unreachable", [*sound().values()], dmz_networks=["10.66.0.0/16"])


def test_a_rule_for_production_is_mandatory_there_and_advisory_elsewhere() -> None:
    bad = without("backup")
    for rule in (each.name for each in RULES if each.level == "production"):
        assert POLICIES[rule].enforcement_level is EnforcementLevel.MANDATORY
        assert POLICIES[rule + ELSEWHERE].enforcement_level is EnforcementLevel.ADVISORY
    assert told("backed-up", bad, "prod")
    assert not told("backed-up", bad, "lab")
    assert told("backed-up" + ELSEWHERE, bad, "lab")
    assert not told("backed-up" + ELSEWHERE, bad, "prod")


def test_values_that_preview_does_not_know_are_passed_over() -> None:
    unknown = with_("server-state", expectation=UNKNOWN_STRING_VALUE)
    assert told("no-wildcard", unknown) == []
    half = with_("container", networkInterfaces=[UNKNOWN_STRING_VALUE, {"name": "eth1", "firewall": False}])
    assert [*told("interface-filtered", half)] == ["must have the firewall switch on at eth1"]


def declared(**changes: Any) -> list[Resource]:
    """Return what the program declares, as a state that holds it would show it."""
    graph = declare(settings(**{**SYSTEMS, **changes}))
    state = [
        {"urn": urn(each.type, each.name), "type": each.type, "inputs": each.raw, "protect": each.request.protect}
        for each in graph.custom.values()
    ]
    for each in state:  # what an apply adds
        if each["type"] == r.BACKUP:
            each["inputs"] = {**each["inputs"], "covered_by": ["wireguard-vpn-test"]}
    routes = json.dumps([{"destination_network": "192.168.0.0/16"}])
    return [*resources({"deployment": {"resources": state}}), config(dmz_networks='["172.16.10.0/24"]', routes=routes)]


@pytest.mark.parametrize("rule", [each.name for each in RULES])
def test_the_program_keeps_its_own_rules(rule: str, program: list[Resource]) -> None:
    assert said(rule, program) == []


@pytest.fixture(scope="module")
def program() -> list[Resource]:
    """What the program declares with every system switched on."""
    return declared(peers=[{"name": "alice"}, {"name": "bob", "preshared_key": "generated"}])


def test_the_rules_look_at_resources_the_program_really_declares(program: list[Resource]) -> None:
    kinds = {each.type for each in program}
    assert {r.CONTAINER, r.FIREWALL_OPTIONS, r.KEYRING, r.SERVER, r.BACKUP, r.MONITORING, r.COMMAND} <= kinds


def test_a_program_without_firewall_backup_and_protection_is_told_so() -> None:
    bare = declared(proxmox_firewall=False, pbs_enabled=False, zabbix_enabled=False, protect=False)
    broken = {rule.name for rule in RULES if said(rule.name, bare)}
    expected = {"interface-filtered", "firewall-present", "backed-up", "monitored"}
    assert broken == expected | {"container-protected", "keys-protected"}
