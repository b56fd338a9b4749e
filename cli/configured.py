"""What is configured: the stack's config, the peers file beside it, the environment; as the program reads them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import SecretStr

from cli.pulumi import Pulumi
from clients import local_path
from clients.pbs import Pbs
from clients.proxmox import Proxmox
from clients.ssh import Way
from clients.tls import Trust
from vpn import peers_file
from vpn.errors import ConfigError, ParseError, Problem
from vpn.peers_file import PeersFile
from vpn.settings import Pbs as PbsSettings
from vpn.settings import Proxmox as ProxmoxSettings
from vpn.settings import Settings, Ssh, parse
from vpn.settings.build import build
from vpn.settings.sections import Section
from vpn.settings.settings import PEERS_FILE

_EMPTY: Final = ("", None)
_PEOPLE: Final = ("peers", "groups")
_Section = TypeVar("_Section", bound=Section)


@dataclass(frozen=True)
class Configured:
    """`values` by config key, what is empty left out; `secret` names the keys that are encrypted, wholly or in part."""

    directory: Path
    values: Mapping[str, Any] = field(repr=False)
    secret: frozenset[str]
    environ: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, pulumi: Pulumi, environ: Mapping[str, str]) -> Configured:
        """Return the configuration of a stack. Empty values count as not set, as the program takes them."""
        found = pulumi.config()
        values = {key: each.get("objectValue", each.get("value")) for key, each in found.items()}
        kept = {key: each for key, each in values.items() if each not in _EMPTY and (each or key not in _PEOPLE)}
        secret = frozenset(key for key in kept if found[key].get("secret"))
        return cls(pulumi.directory, kept, secret, environ)

    @property
    def peers_path(self) -> Path:
        """Where the peers file is, or would be."""
        return self.directory / str(self.values.get("peers_file", PEERS_FILE))

    @property
    def awaits_peers_file(self) -> bool:
        """Whether a peers file is named that is not there: the program refuses to run without it."""
        return self.values.get("peers_file", PEERS_FILE) != PEERS_FILE and not self.peers_path.exists()

    @property
    def peers(self) -> list[dict[str, Any]]:
        """The peers of the stack's config (not of the peers file); they may hold secrets.

        Raise ConfigError when they are no list of mappings with a name each.
        """
        peers = decoded(self.values.get("peers"))
        if not lists_peers(peers):
            raise self.unlisted(None, "the stack's config")
        return [dict(each) for each in peers or []]

    def unlisted(self, text: str | None, where: str) -> ConfigError:
        """Return what to say of peers that `lists_peers` denies; `text` is the peers file's, if they are."""
        told = self.problems(_PEOPLE, text)
        return ConfigError(told or [Problem("peers", None, "must be a list of mappings with a name each", where)])

    def with_values(self, values: Mapping[str, Any]) -> Configured:
        """Return the configuration as it would be with these values."""
        return replace(self, values={**self.values, **values})

    def settings(self, text: str | None = None) -> Settings:
        """Return the validated settings; `text` stands in for the peers file. Raise ConfigError with all problems."""
        people: dict[str, Any] = {}
        if text is None:
            text = self.peers_text()
        if text is not None:
            found = self.people(text)
            people = {"peers_file": found.content, "peers_lines": found.lines}
        return parse(self.values, **people, environ=self.environ)

    def peers_text(self) -> str | None:
        """Return what the peers file says, None without one. Raise ConfigError when it cannot be read."""
        return local_path.text("peers_file", self.peers_path) if self.peers_path.exists() else None

    def people(self, text: str) -> PeersFile:
        """Return content and lines of a peers file with this text. Raise ConfigError when it is no YAML mapping."""
        try:
            return peers_file.load(text)
        except ParseError as error:
            raise ConfigError([Problem("peers_file", self.peers_path.name, str(error))]) from None

    def problems(self, keys: Iterable[str], text: str | None = None) -> tuple[Problem, ...]:
        """Return the problems that concern the given config keys: a workstation may lack credentials of the rest."""
        try:
            self.settings(text)
        except ConfigError as error:
            return tuple(each for each in error.problems if each.key.startswith(tuple(keys)))
        return ()

    def check(self, keys: Iterable[str], text: str | None = None) -> None:
        """Raise ConfigError when the given keys break rules."""
        if found := self.problems(keys, text):
            raise ConfigError(found)

    def jump(self) -> Way | None:
        """Return the way to the jump host that config or environment name; None when they do not.

        Raise ConfigError when what they say of it breaks rules, or its key cannot be read.
        """
        found = self._built(Ssh)
        key = self._jump_key(found)
        if not (found.ssh_jump_host and key):
            return None
        return Way(
            host=found.ssh_jump_host,
            user=found.ssh_jump_user,
            port=found.ssh_jump_port,
            private_key=key,
            host_key=found.ssh_jump_host_key or "",
        )

    def proxmox(self) -> Proxmox:
        """Return a connection to Proxmox VE.

        Raise ConfigError when address or token are missing, or what is said of it breaks rules: nothing is sent then.
        """
        found = self._built(ProxmoxSettings, "proxmox_endpoint", "proxmox_api_token")
        key = "proxmox_ca_file"
        trust = Trust.configured(self.directory, key, found.proxmox_ca_file, found.proxmox_fingerprint)
        return Proxmox(str(found.proxmox_endpoint), _revealed(found.proxmox_api_token), trust=trust)

    def pbs(self) -> Pbs | None:
        """Return a connection to Proxmox Backup Server; None when address or token are not configured.

        Raise ConfigError when what is said of it breaks rules: nothing is sent then.
        """
        found = self._built(PbsSettings)
        if not (found.pbs_url and found.pbs_token):
            return None
        trust = Trust.configured(self.directory, "pbs_ca_file", found.pbs_ca_file, found.pbs_fingerprint)
        return Pbs.connect(found.pbs_url, _revealed(found.pbs_token), trust)

    def _built(self, section: type[_Section], *needed: str) -> _Section:
        """Return a section as the program reads it. Raise ConfigError with its problems and what `needed` it lacks."""
        raw = self._section(section)
        missing = [Problem(key, None, "is required (config or environment)") for key in needed if not raw.get(key)]
        found, problems = build(section, raw, {})
        if missing or problems:
            raise ConfigError([*missing, *problems])
        return found

    def _section(self, section: type[Section]) -> dict[str, Any]:
        """Return the raw values of a section, of the environment where the config has none."""
        known = {key: self.environ[name] for key, name in section.environment.items() if self.environ.get(name)}
        return known | {key: self.values[key] for key in section.model_fields if key in self.values}

    def _jump_key(self, found: Ssh) -> str | None:
        """Return the key itself where it is given, else what is in its file."""
        if found.ssh_jump_private_key:
            return _revealed(found.ssh_jump_private_key)
        file = found.ssh_jump_private_key_file
        return (
            local_path.text("ssh_jump_private_key_file", self.directory / local_path.expanded(file)) if file else None
        )


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret else ""


def decoded(value: Any) -> Any:
    """Return a value as the program takes it: a list or mapping may stand as its JSON text."""
    try:
        return json.loads(value) if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"} else value
    except json.JSONDecodeError:
        return value


def lists_peers(peers: Any) -> bool:
    """Whether this is a list, or nothing, in which each peer is a mapping with a name to be found by."""
    return peers is None or (isinstance(peers, list) and all(isinstance(e, dict) and _is_named(e) for e in peers))


def _is_named(peer: Mapping[str, Any]) -> bool:
    return bool(peer.get("name")) and not isinstance(peer["name"], list | dict)
