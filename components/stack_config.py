"""Where the settings come from: the stack's config, the peers file beside it, the environment."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pulumi
import yaml
from pulumi.runtime import config as pulumi_config

from clients import local_path
from providers.credentials import NAMESPACE
from vpn import peers_file
from vpn.errors import ConfigError, ParseError, Problem
from vpn.settings import Settings, Ssh, parse
from vpn.settings.build import SECRET_KEYS, path
from vpn.settings.peers import readable_secrets
from vpn.settings.settings import PEERS_FILE

UNVERIFIED = ("PROXMOX_VE_INSECURE", "PM_VE_INSECURE")
"""What Proxmox's plugin reads by itself, past every value that it is given (its GetAnyBoolEnv: `1` and `true`)."""
VERIFIED = ("", "0", "false")
NO_TRUST = (
    "must not be set: Proxmox's plugin would verify no certificate, and the token would go to whoever answers. With an "
    "authority of Proxmox VE's own, name its certificate in SSL_CERT_FILE"
)


def load(directory: Path) -> Settings:
    """Return the validated settings of the running stack; `directory` is the one of Pulumi.yaml.

    Raises ConfigError with every problem at once, before anything is called.
    """
    raw = own_config()
    problems = [*unverified(os.environ), *plaintext_secrets(raw, _written(directory))]
    with _collecting(problems):
        raw = raw | _jump_key(directory, raw)
    people: dict[str, Any] = {}
    with _collecting(problems):
        people = _people(directory, raw)
    with _collecting(problems):
        settings = parse(raw, **people, environ=os.environ)
    if problems:
        raise ConfigError(problems)
    return settings


@contextmanager
def _collecting(problems: list[Problem]) -> Iterator[None]:
    """Add the problems of a ConfigError to the others instead of stopping at the first."""
    try:
        yield
    except ConfigError as error:
        problems += error.problems


def own_config() -> dict[str, Any]:
    """Return the config of our namespace by plain key; what is empty counts as not set.

    Pulumi hands over a value for every key it knows the type of, so an empty list of peers does
    not mean that somebody wrote one.
    """
    own = _own(pulumi_config.CONFIG.get())  # the public Config reads a key, but lists none
    decoded = {key: _decoded(value) for key, value in own.items() if value != ""}
    return {k: v for k, v in decoded.items() if v or k not in {"peers", "groups"}}


def _own(everything: Mapping[str, Any]) -> dict[str, Any]:
    prefix = f"{NAMESPACE}:"
    return {key.removeprefix(prefix): value for key, value in everything.items() if key.startswith(prefix)}


def unverified(environ: Mapping[str, str]) -> Iterator[Problem]:
    """Yield a problem for each variable that keeps Proxmox's plugin from verifying the certificate of Proxmox VE."""
    for name in UNVERIFIED:
        if (value := environ.get(name, "")) not in VERIFIED:
            yield Problem(name, value, NO_TRUST)


def plaintext_secrets(raw: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each secret that stands readable in the stack's config file; `written` is what that says.

    Pulumi calls a list or mapping secret as soon as anything in it is encrypted, so then each value is looked at.
    """
    for key in sorted(SECRET_KEYS & raw.keys()):
        if not _encrypted(key):
            yield _readable(key)
        elif isinstance(names := written.get(key), Mapping) and not _is_encrypted(names):
            yield from (_readable(path([key, name])) for name, value in names.items() if not _is_encrypted(value))
    peers = written.get("peers") if _encrypted("peers") else raw.get("peers")
    for index, peer in enumerate(peers if isinstance(peers, list) else []):
        found = (key for key in readable_secrets(peer) if not _is_encrypted(peer[key]))
        yield from (_readable(path(["peers", index, key])) for key in found)


def _is_encrypted(written: object) -> bool:
    """Whether a value stands in a stack's config file as Pulumi writes what it has encrypted."""
    return isinstance(written, Mapping) and [*written] == ["secure"]


def _written(directory: Path) -> dict[str, Any]:
    """Return our namespace as the stack's config file has it, by plain key; nothing when another file was named."""
    file = directory / f"Pulumi.{pulumi.get_stack()}.yaml"
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.exists() else None
    return _own((content or {}).get("config") or {})


def _readable(path: str) -> Problem:
    how = f"--path '{path}'" if "[" in path else path
    return Problem(path, None, f"must be encrypted: pulumi config set --secret {how}")


def _encrypted(key: str) -> bool:
    return pulumi_config.is_config_secret(f"{NAMESPACE}:{key}")


def _decoded(value: Any) -> Any:
    """Return lists and mappings, which Pulumi hands over as JSON text, as what they are."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _jump_key(directory: Path, raw: Mapping[str, Any]) -> dict[str, str]:
    """Return the key for the jump host from the file that config or environment names."""
    key = "ssh_jump_private_key_file"
    name = raw.get(key) or os.environ.get(Ssh.environment[key])
    if not name or "ssh_jump_private_key" in raw:
        return {}
    return {"ssh_jump_private_key": _text(key, directory, local_path.expanded(str(name)))}


def _people(directory: Path, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the peers file says and on which lines.

    A stack needs no file of the default name; one of another name that is missing would be the end of every peer.
    """
    key = "peers_file"
    name = str(raw.get(key, PEERS_FILE))
    if name == PEERS_FILE and not (directory / name).exists():
        return {}
    try:
        found = peers_file.load(_text(key, directory, Path(name)))
    except ParseError as error:
        raise ConfigError([Problem(key, name, str(error))]) from None
    return {"peers_file": found.content, "peers_lines": found.lines}


def _text(key: str, directory: Path, name: Path) -> str:
    return local_path.text(key, directory / name, named=name)
