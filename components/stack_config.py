"""Where the settings come from: the stack's config, the peers file beside it, the environment."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pulumi.runtime import config as pulumi_config

from vpn import peers_file
from vpn.errors import ConfigError, ParseError, Problem
from vpn.peers_file import PeersFile
from vpn.settings import Settings, parse
from vpn.settings.build import SECRET_KEYS

NAMESPACE = "wireguard-vpn"
PEERS_FILE = "peers.yaml"
GENERATED_OR_NONE = {"generated", "none"}


def load(directory: Path) -> Settings:
    """Return the validated settings of the running stack; `directory` is the one of Pulumi.yaml.

    Raises ConfigError with every problem at once, before anything is called.
    """
    raw = own_config()
    problems = [*plaintext_secrets(raw)]
    try:
        people = _people(directory / str(raw.get("peers_file", PEERS_FILE)))
        found = {"peers_file": people.content, "peers_lines": people.lines} if people else {}
        settings = parse(raw, **found, environ=os.environ)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return settings


def own_config() -> dict[str, Any]:
    """Return the config of our namespace by plain key; what is empty counts as not set.

    Pulumi hands over a value for every key it knows the type of, so an empty list of peers does
    not mean that somebody wrote one.
    """
    prefix = f"{NAMESPACE}:"
    everything = pulumi_config.CONFIG.get()  # the public Config reads a key, but lists none
    own = {k.removeprefix(prefix): v for k, v in everything.items() if k.startswith(prefix)}
    decoded = {key: _decoded(value) for key, value in own.items() if value != ""}
    return {k: v for k, v in decoded.items() if v or k not in {"peers", "groups"}}


def plaintext_secrets(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each secret that stands readable in the stack's config file."""
    for key in sorted(SECRET_KEYS & raw.keys()):
        if not _encrypted(key):
            yield _readable(key)
    peers = raw.get("peers")
    if isinstance(peers, list) and not _encrypted("peers"):
        for index, peer in enumerate(peers):
            yield from _readable_of_peer(index, peer)


def _readable_of_peer(index: int, peer: object) -> Iterator[Problem]:
    for key in sorted(SECRET_KEYS & peer.keys()) if isinstance(peer, Mapping) else ():
        if peer[key] not in GENERATED_OR_NONE:
            yield _readable(f"peers[{index}].{key}")


def _readable(path: str) -> Problem:
    how = f"--path '{path}'" if "[" in path else path
    return Problem(path, None, f"must be encrypted: pulumi config set --secret {how}")


def _encrypted(key: str) -> bool:
    return pulumi_config.is_config_secret(f"{NAMESPACE}:{key}")


def _decoded(value: Any) -> Any:  # noqa: ANN401
    """Return lists and mappings, which Pulumi hands over as JSON text, as what they are."""
    if isinstance(value, str) and value[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _people(path: Path) -> PeersFile | None:
    """Return what the peers file says; None when there is no file."""
    if not path.exists():
        return None
    try:
        return peers_file.load(path.read_text())
    except ParseError as error:
        raise ConfigError([Problem("peers_file", path.name, str(error))]) from None
