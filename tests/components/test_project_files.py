"""Pulumi.yaml, Pulumi.prod.yaml and Pulumi.lab.yaml against the settings they feed."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from providers.credentials import NAMESPACE
from vpn.settings import KNOWN_KEYS, Settings, parse
from vpn.settings.build import SECRET_KEYS
from vpn.settings.sections import Section
from vpn.settings.settings import People

ROOT = Path(__file__).resolve().parents[2]
PROJECT = yaml.safe_load((ROOT / "Pulumi.yaml").read_text())
BLOCK: dict[str, dict[str, Any]] = PROJECT["config"]
KINDS = [field.annotation for field in Settings.model_fields.values()]
SECTIONS: list[type[Section]] = [each for each in KINDS if isinstance(each, type) and issubclass(each, Section)]
FROM_ENVIRONMENT = {key for each in SECTIONS for key in each.environment}
ENVIRONMENT = {
    "PROXMOX_VE_ENDPOINT": "https://pve.infra.local:8006",
    "PROXMOX_VE_API_TOKEN": "wg@pve!pulumi=00000000-0000-0000-0000-000000000000",
    "WIREGUARD_VPN_TEMPLATE_CHECKSUM": "0" * 128,
    "NETBOX_URL": "https://netbox.infra.local",
    "NETBOX_TOKEN": "token-of-netbox",
    "ZABBIX_URL": "https://zabbix.infra.local",
    "ZABBIX_TOKEN": "token-of-zabbix",
    "PBS_URL": "https://pbs.infra.local:8007",
    "PBS_TOKEN": "wg@pbs!pulumi:00000000-0000-0000-0000-000000000000",
}


def fields() -> dict[str, Any]:
    """Every config key with the field that holds it."""
    models: list[type[Section]] = [*SECTIONS, People]
    known = {name: field for each in models for name, field in each.model_fields.items()}
    return {key: known[key] for key in KNOWN_KEYS}


def stack(name: str) -> dict[str, Any]:
    """The config of a stack's file with the project's defaults below it."""
    own = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    assert all(key.startswith(f"{NAMESPACE}:") for key in own)
    defaults = {key: each["default"] for key, each in BLOCK.items()}
    return defaults | {key.removeprefix(f"{NAMESPACE}:"): value for key, value in own.items()}


def given(config: dict[str, Any]) -> dict[str, Any]:
    """What the program makes of it: an empty value is not set."""
    return {k: v for k, v in config.items() if v != "" and (v or k not in {"peers", "groups"})}


def test_the_block_declares_every_key_of_the_settings_and_no_other() -> None:
    assert set(BLOCK) == set(KNOWN_KEYS)


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_a_key_says_what_it_means_and_defaults_to_what_the_settings_do(key: str) -> None:
    entry, field = BLOCK[key], fields()[key]
    assert entry["description"]
    assert entry.get("secret", False) == (key in SECRET_KEYS)
    unset = field.default is None or field.default == "" or key in FROM_ENVIRONMENT
    assert (entry["default"] == "") == unset


@pytest.mark.parametrize("key", KNOWN_KEYS)
def test_a_type_fits_the_default(key: str) -> None:
    kinds = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}
    entry = BLOCK[key]
    if "type" in entry:
        assert type(entry["default"]) is kinds[entry["type"]]
    else:
        assert entry["default"] == ""


def test_the_defaults_are_the_settings_own() -> None:
    alone = {f"{name}_enabled": False for name in ("netbox", "zabbix", "pbs")}
    bare = parse(alone, environ=ENVIRONMENT)
    declared = {key: each["default"] for key, each in BLOCK.items()}
    assert parse(given(declared) | alone, environ=ENVIRONMENT) == bare


def test_the_production_stack_has_every_key_or_names_it() -> None:
    text = (ROOT / "Pulumi.prod.yaml").read_text()
    named = {k for k in KNOWN_KEYS if f"{NAMESPACE}:{k}:" in text or f"--secret {k}\n" in text}
    assert named == set(KNOWN_KEYS)


def test_the_production_stack_keeps_the_defaults_but_for_names_and_least_privilege() -> None:
    differing = {k for k, v in stack("prod").items() if str(v).lower() != str(default(k)).lower()}
    assert differing == {
        "netbox_site",
        "netbox_cluster",
        "zabbix_server",
        "pbs_datastore",
        "pbs_storage",
        "pbs_namespace",
        "pool",
        "backup_job",
    }
    parse(given(stack("prod")), environ=ENVIRONMENT)


def test_the_lab_stack_needs_nothing_but_the_lab_s_environment() -> None:
    settings = parse(given(stack("lab")), environ=ENVIRONMENT)
    assert len(settings.peers) >= 3


def test_no_stack_file_holds_anything_secret() -> None:
    for name in ("prod", "lab"):
        assert not SECRET_KEYS & {k for k, v in stack(name).items() if v != ""}
        assert "secure:" not in (ROOT / f"Pulumi.{name}.yaml").read_text()


def default(key: str) -> object:
    """A key's default as YAML would show it."""
    value = BLOCK[key]["default"]
    return json.loads(json.dumps(value))
