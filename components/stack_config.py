"""Where the settings come from: the stack's config, `peers.yaml` beside it, the environment."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi.runtime import config as pulumi_config

from vpn.errors import ConfigError, Problem
from vpn.settings import SECRET_KEYS, Settings, parse

NAMESPACE = "wireguard-vpn"
DEFAULT_PEERS_FILE = "peers.yaml"


def load(directory: Path) -> Settings:
    """Return the validated settings of the running stack.

    `directory` is the one of Pulumi.yaml. Raises ConfigError with every problem at once, before
    anything is called.
    """
    raw = own_config()
    problems = plaintext_secrets(raw)
    try:
        settings = parse(raw, peers_file=peers_file(directory, raw), environ=os.environ)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def own_config() -> dict[str, object]:
    """Return the config of our namespace by plain key; an empty value counts as not set."""
    prefix = f"{NAMESPACE}:"
    everything = pulumi_config.CONFIG.get()  # the public Config reads a key, but lists none
    own = {k.removeprefix(prefix): v for k, v in everything.items() if k.startswith(prefix)}
    return {key: decoded(value) for key, value in own.items() if value != ""}


def decoded(value: Any) -> object:  # noqa: ANN401
    """Return lists and mappings, which Pulumi hands over as JSON text, as what they are."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def plaintext_secrets(raw: Mapping[str, object]) -> list[Problem]:
    """Return a problem for each credential that stands readable in the stack's config file."""
    rule = "must be encrypted: pulumi config set --secret {key}"
    return [
        Problem(key, None, rule.format(key=key))
        for key in sorted(SECRET_KEYS & raw.keys())
        if not pulumi_config.is_config_secret(f"{NAMESPACE}:{key}")
    ]
