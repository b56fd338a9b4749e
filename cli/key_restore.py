"""Giving a stack its keys back on a new machine: its state, and what its config keeps secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.peer_values import PEOPLE, leaves, secrets_of
from cli.stack import Stack
from vpn.errors import StackError
from vpn.settings.build import SECRET_KEYS


def content(stack: Stack) -> dict[str, Any]:
    """Return what a backup holds: the state with its secrets, and the whole config."""
    deployment = stack.pulumi.export()
    if not deployment.get("deployment", {}).get("resources"):
        raise StackError("the stack has made nothing yet: there are no keys to back up")
    config = {key: dict(each) for key, each in stack.pulumi.config().items() if each.get("value") not in ("", None)}
    return {"stack": stack.pulumi.name(), "deployment": deployment, "config": config}


def check(stack: Stack, backup: Mapping[str, Any], *, force: bool) -> None:
    """Raise StackError unless the stack has the backup's name and, without `force`, no state of its own."""
    name = stack.pulumi.name()
    if name.rpartition("/")[2] != str(backup["stack"]).rpartition("/")[2]:
        raise StackError(f"the backup is of stack {backup['stack']}, not {name}: pulumi stack init {backup['stack']}")
    if not force and stack.deployed.resources:
        raise StackError("the stack has a state already, perhaps a newer one; --force replaces it")


def restore(stack: Stack, backup: Mapping[str, Any]) -> list[str]:
    """Write secret config and state; returns the config keys that were set. Run `check` before."""
    written = [*_config(stack, backup["config"])]
    stack.pulumi.import_(adopted(backup["deployment"], stack.pulumi.export()))
    return written


def differences(stack: Stack, backup: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the config keys that `restore` leaves alone and that differ, with their values in the backup.

    What is encrypted is not shown. Peers and groups count only while no peers file stands in for them.
    """
    configured = stack.configured
    left = SECRET_KEYS | (set(PEOPLE) if configured.peers_path.exists() else set())
    saved = {key: each.get("objectValue", each["value"]) for key, each in backup["config"].items()}
    keys = sorted((saved.keys() | configured.values.keys()) - left)
    hidden = configured.secret | {key for key, each in backup["config"].items() if each.get("secret")}
    return [
        (key, "encrypted" if key in hidden else _shown(saved.get(key)))
        for key in keys
        if saved.get(key) != configured.values.get(key)
    ]


def _shown(value: Any) -> str:
    if value is None:
        return "not set"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def adopted(deployment: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a state under this stack's own encryption: the secrets provider is the new one's."""
    inner = {key: each for key, each in deployment["deployment"].items() if key != "secrets_providers"}
    provider = own.get("deployment", {}).get("secrets_providers")
    return {**deployment, "deployment": inner | ({"secrets_providers": provider} if provider else {})}


def _config(stack: Stack, saved: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Set the secrets that differ, and the peers with their groups where the stack has none.

    What else is not secret is version control's; so is a peers file, in which the peers may stand by now.
    """
    now = stack.pulumi.config()
    peers_now = now.get("peers", {}).get("objectValue") or []
    peers = saved.get("peers", {}).get("objectValue") or []
    for key in sorted(SECRET_KEYS & saved.keys()):
        if now.get(key, {}).get("value") != saved[key]["value"]:
            stack.pulumi.set_secret(key, str(saved[key]["value"]))
            yield key
    if peers and not peers_now and not stack.configured.peers_path.exists():
        peers_now = [{k: v for k, v in each.items() if k not in secrets_of(each)} for each in peers]
        groups = {} if now.get("groups", {}).get("objectValue") else saved.get("groups", {}).get("objectValue") or {}
        stack.pulumi.set_plain(leaves("groups", groups) | leaves("peers", peers_now))
        yield from ["groups", "peers"] if groups else ["peers"]
    yield from _peer_secrets(stack, peers, peers_now)


def _peer_secrets(stack: Stack, peers: list[dict[str, Any]], peers_now: list[dict[str, Any]]) -> Iterator[str]:
    places = {each.get("name"): index for index, each in enumerate(peers_now)}
    for peer in peers:
        for key, value in secrets_of(peer).items():
            index = places.get(peer["name"])
            if index is not None and peers_now[index].get(key) != value:
                stack.pulumi.set_secret(f"peers[{index}].{key}", value)
                yield f"peers[{index}].{key}"
