"""Raw configuration → `Settings`, or one ConfigError with every broken rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from vpn.errors import ConfigError, Problem
from vpn.settings import types as t
from vpn.settings.build import build, path, unknown
from vpn.settings.peers import AllowRule, GroupSettings, PeerSettings, readable_secrets
from vpn.settings.rules import broken_rules
from vpn.settings.sections import Container, Firewall, Interface, Keys, Proxmox, Route, Routing, Section, Ssh
from vpn.settings.settings import PEERS_FILE, People, Settings
from vpn.settings.systems import NetBox, Pbs, Zabbix

_SECTIONS: dict[str, type[Section]] = {
    "container": Container,
    "proxmox": Proxmox,
    "interface": Interface,
    "routing": Routing,
    "firewall": Firewall,
    "ssh": Ssh,
    "keys": Keys,
    "netbox": NetBox,
    "zabbix": Zabbix,
    "pbs": Pbs,
    "people": People,
}
_CHILDREN: dict[str, type[BaseModel]] = {
    "peers": PeerSettings,
    "groups": GroupSettings,
    "routes": Route,
    "allow": AllowRule,
}
_PEERS_FILE_KEYS = ("peers", "groups")
_NO_PLACE = {
    "private_key": "must not stand in this file, anyone may read it: give it in the encrypted given_keys as peer/NAME",
    "preshared_key": "must not stand in this file, anyone may read it: write generated here, and give it in the "
    "encrypted given_keys as psk/NAME",
}
_NOTHING: Mapping[str, Any] = MappingProxyType({})
_NO_LINES: Mapping[str, int] = MappingProxyType({})

KNOWN_KEYS: tuple[str, ...] = tuple(key for section in _SECTIONS.values() for key in section.model_fields)
"""All config keys, in the order of the sections."""
ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {key: variable for section in _SECTIONS.values() for key, variable in section.environment.items()}
)
"""Config key → environment variable that supplies it when the configuration does not."""


def parse(
    raw: Mapping[str, Any],
    *,
    peers_file: Mapping[str, Any] | None = None,
    peers_lines: Mapping[str, int] = _NO_LINES,
    environ: Mapping[str, str] = _NOTHING,
) -> Settings:
    """Return the settings. Raise ConfigError with every broken rule: of single values and across values.

    `raw` maps config keys to values as Pulumi hands them over. `peers_file` is the content of the peers file and
    `peers_lines` its line numbers by key path (`vpn.peers_file.load` makes both). `environ` supplies credentials
    that the configuration leaves out.
    """
    values, wheres = _with_environment(raw, environ)
    values, problems = _with_peers_file(values, peers_file)
    sections, broken = _build_sections(values)
    problems += [*_unknown_keys(raw), *broken]
    settings = _settings(sections, in_file=(peers_file or {}).get("peers") is not None)
    problems += broken_rules(settings, _invalid_keys(problems))
    if problems:
        lines = _NO_LINES if peers_file is None else peers_lines
        raise ConfigError(_located(problems, wheres, lines, str(values.get("peers_file", PEERS_FILE))))
    return settings


def _with_environment(raw: Mapping[str, Any], environ: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the known keys with what the environment adds, and which variable supplied which key."""
    values = {key: raw[key] for key in KNOWN_KEYS if raw.get(key) is not None}
    for key in ("peers", "routes"):
        if key in values:
            values[key] = t.as_list(values[key])
    wheres: dict[str, str] = {}
    for key, variable in ENVIRONMENT.items():
        if key not in values and environ.get(variable):
            values[key] = environ[variable]
            wheres[key] = f"environment variable {variable}"
    return values, wheres


def _with_peers_file(values: dict[str, Any], content: Mapping[str, Any] | None) -> tuple[dict[str, Any], list[Problem]]:
    if content is None:
        return values, []
    name = values.get("peers_file", PEERS_FILE)
    problems = [
        Problem(key, None, f"stands both in the stack's configuration and in {name}: keep one of them")
        for key in _PEERS_FILE_KEYS
        if key in values and content.get(key) is not None
    ]
    problems += [
        Problem(path([str(key)]), None, unknown(str(key), _PEERS_FILE_KEYS))
        for key in content
        if key not in _PEERS_FILE_KEYS
    ]
    problems += _secrets_in_file(content)
    added = {key: content[key] for key in _PEERS_FILE_KEYS if content.get(key) is not None}
    return values | added, problems


def _secrets_in_file(content: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each secret that stands readable in the peers file (data model 6: in the vault only)."""
    peers = t.as_list(content.get("peers"))
    for index, peer in enumerate(peers if isinstance(peers, list) else ()):
        for key in readable_secrets(peer):
            yield Problem(path(["peers", index, key]), None, _NO_PLACE[key])


def _build_sections(values: Mapping[str, Any]) -> tuple[dict[str, Section], list[Problem]]:
    sections: dict[str, Section] = {}
    problems: list[Problem] = []
    for name, model in _SECTIONS.items():
        own = {key: values[key] for key in model.model_fields if key in values}
        sections[name], broken = build(model, own, _CHILDREN)
        problems += broken
    return sections, problems


def _settings(sections: Mapping[str, Any], *, in_file: bool) -> Settings:
    people: People = sections["people"]
    rest = {name: section for name, section in sections.items() if name != "people"}
    return Settings.model_construct(
        **rest,
        peers=people.peers or (),
        groups=people.groups or {},
        quarantine_days=people.quarantine_days,
        peers_file=(people.peers_file or PEERS_FILE) if in_file else "",
    )


def _unknown_keys(raw: Mapping[str, Any]) -> list[Problem]:
    return [Problem(path([key]), None, unknown(key, KNOWN_KEYS)) for key in raw if key not in KNOWN_KEYS]


def _invalid_keys(problems: Iterable[Problem]) -> frozenset[str]:
    return frozenset(each.key for each in problems)


def _located(
    problems: Iterable[Problem], wheres: Mapping[str, str], lines: Mapping[str, int], name: str
) -> Iterator[Problem]:
    for each in problems:
        line = _line(each.key, lines) if each.key.startswith(_PEERS_FILE_KEYS) else 0
        yield replace(each, where=f"{name}:{line}" if line else wheres.get(each.key, ""))


def _line(key: str, lines: Mapping[str, int]) -> int:
    """Return the line of a key path, or of the nearest path above it: a missing key stands nowhere."""
    while key:
        if key in lines:
            return lines[key]
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
    return 0
