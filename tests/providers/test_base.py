"""The manners of every dynamic provider, one test for each pitfall of Pulumi's Python host."""

import base64
from importlib import import_module
from pkgutil import iter_modules

import pytest
from pulumi.dynamic import Resource, ResourceProvider

import providers
from tests.providers.host import UNKNOWN, Host, HostError, token
from tests.providers.samples import CANARY, TOKEN, SampleProvider

SAMPLE = SampleProvider()
FROZEN = [
    ("providers.keyring", "KeyringProvider", "Keyring", "vpn:Keyring"),
    ("providers.address_ledger", "AddressLedgerProvider", "AddressLedger", "vpn:AddressLedger"),
    ("providers.container_claim", "ContainerClaimProvider", "ContainerClaim", "vpn:ContainerClaim"),
    ("providers.container_proof", "ContainerProofProvider", "ContainerProof", "vpn:ContainerProof"),
    ("providers.firewall_rules", "FirewallRulesProvider", "FirewallRules", "vpn:FirewallRules"),
    ("providers.intent", "IntentProvider", "Intent", "vpn:Intent"),
    ("providers.host_key", "HostKeyProvider", "HostKey", "vpn:HostKey"),
    ("providers.server_state", "ServerStateProvider", "ServerState", "vpn:ServerState"),
    ("providers.netbox", "ReservationProvider", "Reservation", "netbox:Reservation"),
    ("providers.netbox", "RegistrationProvider", "Registration", "netbox:Registration"),
    ("providers.pbs", "ReservationProvider", "Reservation", "pbs:Reservation"),
    ("providers.pbs", "RegistrationProvider", "Registration", "pbs:Registration"),
    ("providers.zabbix", "ReservationProvider", "Reservation", "zabbix:Reservation"),
    ("providers.zabbix", "RegistrationProvider", "Registration", "zabbix:Registration"),
]
"""Module, provider, resource and type of every dynamic resource, as the state of every stack has them."""


@pytest.mark.parametrize(("module", "provider", "resource", "kind"), FROZEN)
def test_providers_are_stored_by_reference_under_frozen_names(
    module: str, provider: str, resource: str, kind: str
) -> None:
    found = import_module(module)
    stored = base64.b64decode(token(getattr(found, provider)()))
    assert module.encode() in stored
    assert provider.encode() in stored
    assert len(stored) < 100, "code or state was stored, not a reference"
    assert getattr(found, resource)._resource_type_name == f"dynamic/{kind}"


def test_no_resource_is_missing_from_the_frozen_names() -> None:
    modules = [import_module(f"providers.{each.name}") for each in iter_modules(providers.__path__)]
    declared = {
        (module.__name__, name)
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Resource) and value.__module__ == module.__name__
    }
    assert declared == {(module, resource) for module, _, resource, _ in FROZEN}


def test_two_thousand_instances_serialise() -> None:
    assert len({token(SampleProvider()) for _ in range(2000)}) == 1


def test_nothing_is_captured_and_the_reference_is_no_secret() -> None:
    for module, provider, _, _ in FROZEN:
        instance: ResourceProvider = getattr(import_module(module), provider)()
        assert not instance.serialize_as_secret_always
        assert not vars(instance)


def test_floats_become_integers_and_missing_values_their_defaults(host: Host) -> None:
    inputs, failures = host.check(SAMPLE, {}, {"count": 3.0, "note": None})
    _, outs = host.create(SAMPLE, inputs)
    assert not failures
    assert outs["said"] == "int"
    assert "note" not in outs


def test_check_keeps_every_input(host: Host) -> None:
    inputs, _ = host.check(SAMPLE, {}, {"count": 1, "names": ["a"], "secret": "s", "note": "n"})
    assert inputs == {"count": 1, "names": ["a"], "secret": "s", "note": "n", "behave": "", "said": ""}


@pytest.mark.parametrize("unknown", [UNKNOWN, [UNKNOWN], ["a", UNKNOWN]])
def test_unknown_values_pass_check_and_count_as_changed(host: Host, unknown: object) -> None:
    inputs, failures = host.check(SAMPLE, {}, {"count": 1, "names": unknown})
    assert not failures
    assert inputs["names"] == UNKNOWN
    assert host.diff(SAMPLE, {"count": 1, "names": ["a"]}, inputs).changes is True


def test_a_required_value_that_is_not_known_yet_is_no_failure(host: Host) -> None:
    inputs, failures = host.check(SAMPLE, {}, {"count": UNKNOWN, "note": "n"})
    assert not failures
    assert inputs == {"count": UNKNOWN, "note": "n"}
    assert host.diff(SAMPLE, {"count": 1}, inputs).changes is True


def test_wrong_types_are_failures_by_name_without_the_value(host: Host) -> None:
    _, failures = host.check(SAMPLE, {}, {"count": CANARY, "names": {"a": 1}})
    assert set(failures) == {"count", "names"}
    assert CANARY not in str(failures)


def test_all_config_problems_are_failures_together(host: Host) -> None:
    _, failures = host.check(SAMPLE, {}, {"count": -1})
    assert set(failures) == {"count", "secret"}
    assert "must be positive" in failures["count"]


def test_diff_is_explicit_and_names_what_replaces(host: Host) -> None:
    old = {"count": 1, "note": "a", "said": "int"}
    assert host.diff(SAMPLE, old, {"count": 1, "note": "a"}).changes is False
    assert host.diff(SAMPLE, old, {"count": 2, "note": "a"}).replaces == ()
    assert host.diff(SAMPLE, old, {"count": 1, "note": "b"}).replaces == ("note",)


def test_update_returns_all_outputs(host: Host) -> None:
    outs = host.update(SAMPLE, "made", {"count": 1}, {"count": 2, "names": ["a"]})
    assert (outs["count"], outs["names"]) == (2, ["a"])


def test_read_returns_what_it_saw_also_as_inputs(host: Host) -> None:
    id_, outs, inputs = host.read(SAMPLE, "made", {"count": 1})
    assert (id_, outs["count"], inputs["count"]) == ("made", 2, 2)


def test_what_is_gone_has_no_id_and_no_outputs(host: Host) -> None:
    assert host.read(SAMPLE, "made", {"count": 1, "behave": "gone"}) == ("", {}, {})


def test_delete_without_anything_to_remove_succeeds(host: Host) -> None:
    host.delete(SAMPLE, "made", {"count": 1})


def test_credentials_come_from_config_then_from_the_environment() -> None:
    with Host({"NETBOX_TOKEN": "of the environment"}) as host:
        host.configure({})
        assert host.create(SAMPLE, {"count": 1, "behave": "tell"})[1]["said"] == "of the environment"
    with Host({"NETBOX_TOKEN": "of the environment"}) as host:
        host.configure({"wireguard-vpn:netbox_token": "of the config"})
        assert host.create(SAMPLE, {"count": 1, "behave": "tell"})[1]["said"] == "of the config"


@pytest.mark.parametrize("operation", ["create", "read"])
def test_a_failure_is_one_line_without_secrets_and_traceback(operation: str) -> None:
    host = Host({"PROXMOX_VE_API_TOKEN": TOKEN})
    host.configure({"wireguard-vpn:netbox_token": "another"})
    props = {"count": 1, "behave": "client"}
    with pytest.raises(HostError, match=r"NetBox: no object; key \[key\], token \[secret\]") as failed:
        host.create(SAMPLE, props) if operation == "create" else host.read(SAMPLE, "made", props)
    host.close()
    shown = str(failed.value) + host.stderr
    assert CANARY not in shown
    assert TOKEN not in shown
    assert "Traceback" not in shown


def test_a_defect_is_told_by_its_place_not_by_its_words() -> None:
    host = Host()
    host.configure({})
    with pytest.raises(
        HostError, match=r"SampleProvider.create: RuntimeError in _misbehave \(samples.py:\d+\)"
    ) as failed:
        host.create(SAMPLE, {"count": 1, "behave": "defect", "secret": CANARY})
    host.close()
    assert CANARY not in str(failed.value) + host.stderr


def test_stored_values_that_do_not_fit_are_named_not_shown(host: Host) -> None:
    with pytest.raises(HostError, match="stored values of count do not fit") as failed:
        host.create(SAMPLE, {"count": CANARY})
    assert CANARY not in str(failed.value)
