"""The secret config key `given_keys`: keys from elsewhere, by the keyring's names."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cli.configured import Configured
from cli.pulumi import Pulumi

KEY = "given_keys"


def given_keys(configured: Configured) -> dict[str, str]:
    """Return the given keys by name; they are secrets."""
    found = configured.values.get(KEY) or {}
    return dict(json.loads(found) if isinstance(found, str) else found)


def give(pulumi: Pulumi, configured: Configured, keys: Mapping[str, str]) -> None:
    """Add keys to those given, encrypted."""
    if keys:
        pulumi.set_secret(KEY, json.dumps({**given_keys(configured), **keys}))
