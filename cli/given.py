"""The secret config key `given_keys`: keys from elsewhere, by the keyring's names."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cli.configured import Configured, decoded
from cli.pulumi import Pulumi
from vpn.errors import ConfigError, Problem
from vpn.settings.sections import GIVEN_KEYS_RULE

KEY = "given_keys"


def given_keys(configured: Configured) -> dict[str, str]:
    """Return the given keys by name; they are secrets. Raise ConfigError when they are no mapping."""
    found = decoded(configured.values.get(KEY, {}))
    if not isinstance(found, dict):
        raise ConfigError([Problem(KEY, None, GIVEN_KEYS_RULE)])
    return dict(found)


def give(pulumi: Pulumi, configured: Configured, keys: Mapping[str, str]) -> None:
    """Add keys to those given, encrypted."""
    if keys:
        pulumi.set_secret(KEY, json.dumps({**given_keys(configured), **keys}))
