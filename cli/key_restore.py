"""Giving a stack its keys back on a new machine: its state, and what its config keeps secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from cli.configured import decoded, lists_peers
from cli.peer_values import PEOPLE, Peer, secrets_of
from cli.pulumi import fits
from cli.stack import Stack
from vpn.errors import StackError, Unfinished, VpnError
from vpn.settings.build import SECRET_KEYS


def content(stack: Stack) -> dict[str, Any]:
    """Return what a backup holds: the state with its secrets, and the whole config."""
    deployment = stack.pulumi.export()
    if not deployment.get("deployment", {}).get("resources"):
        raise StackError("the stack has made nothing yet: there are no keys to back up")
    config = {key: dict(each) for key, each in stack.pulumi.config().items() if each.get("value") not in ("", None)}
    return {"stack": stack.pulumi.name(), "deployment": deployment, "config": config}


def check(stack: Stack, backup: Mapping[str, Any], *, force: bool) -> None:
    """Raise StackError unless the stack has the backup's name and, without `force`, no state of its own.

    Raise ConfigError when it has peers to which the backup's secrets could not be told to belong.
    """
    name = stack.pulumi.name()
    if name.rpartition("/")[2] != str(backup["stack"]).rpartition("/")[2]:
        raise StackError(f"the backup is of stack {backup['stack']}, not {name}: pulumi stack init {backup['stack']}")
    if not force and stack.deployed.resources:
        raise StackError("the stack has a state already, perhaps a newer one; --force replaces it")
    _ = stack.configured.peers


def restore(stack: Stack, backup: Mapping[str, Any]) -> list[str]:
    """Write secret config and state; returns the config keys that were set. Run `check` before.

    Raise Unfinished when it breaks off after the first of them; it can be repeated.
    """
    written: list[str] = []
    try:
        written.extend(_config(stack, backup["config"]))
        stack.pulumi.import_(adopted(backup["deployment"], stack.pulumi.export()))
    except VpnError as error:
        if not written:
            raise
        raise Unfinished(f"{', '.join(written)} set, then: {error}; next: the same command again") from None
    return written


def differences(stack: Stack, backup: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the config keys that `restore` leaves alone and that differ, with their values in the backup.

    What is encrypted is not shown. Peers and groups count only while no peers file stands in for them.
    """
    configured = stack.configured
    left = SECRET_KEYS | (set(PEOPLE) if configured.peers_path.exists() else set())
    saved, now = _values(backup["config"]), {key: decoded(each) for key, each in configured.values.items()}
    keys = sorted((saved.keys() | now.keys()) - left)
    hidden = configured.secret | {key for key, each in backup["config"].items() if each.get("secret")}
    return [
        (key, "encrypted" if key in hidden else _shown(saved.get(key)))
        for key in keys
        if saved.get(key) != now.get(key)
    ]


def _values(config: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return config values by key, lists and mappings as such; no peers and no groups count as not set."""
    found = {key: each.get("objectValue", decoded(each.get("value"))) for key, each in config.items()}
    return {key: each for key, each in found.items() if each or key not in PEOPLE}


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
    for key in sorted(SECRET_KEYS & saved.keys()):
        if now.get(key, {}).get("value") != saved[key]["value"]:
            stack.pulumi.set_secret(key, str(saved[key]["value"]))
            yield key
    then, own = _values(saved), _values(now)
    if not then.get("peers") or not lists_peers(then["peers"]):
        return
    if not own.get("peers") and not stack.configured.peers_path.exists():
        missing = [key for key in ("groups", "peers") if key in then and key not in own]
        yield from _people(stack, {key: saved[key] for key in missing}, then)
    elif "objectValue" in now.get("peers", {}):  # what stands as a text has no places to set
        yield from _peer_secrets(stack, then["peers"], own.get("peers", []))


def _people(stack: Stack, saved: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> Iterator[str]:
    """Set groups and peers exactly as they were; what is secret in them goes in encrypted.

    Where a backup does not tell which value is the encrypted one, the whole becomes one encrypted text, which the
    program reads as well; so does a text that holds keys, and what fits no argument: secrets alone go in by a pipe.
    """
    pulumi, plain = stack.pulumi, {}
    for key, each in saved.items():
        text, shown, keys = str(each["value"]), values[key], False
        if key == "peers":
            shown, keys = [*map(_without_secrets, shown)], any(map(secrets_of, shown))
        if "objectValue" in each and fits(shown) and (keys or not each.get("secret")):
            plain[key] = shown
        elif keys or each.get("secret") or not fits(text):
            pulumi.set_secret(key, text)
        else:
            pulumi.set_plain({key: text})
        yield key
    for key, value in plain.items():
        pulumi.set_structured(key, value)
    if "peers" in plain:
        yield from _peer_secrets(stack, values["peers"], plain["peers"])


def _without_secrets(peer: Peer) -> Peer:
    hidden = secrets_of(peer)
    return {key: value for key, value in peer.items() if key not in hidden}


def _peer_secrets(stack: Stack, peers: list[Peer], peers_now: list[Peer]) -> Iterator[str]:
    places = {each["name"]: index for index, each in enumerate(peers_now)}
    for peer in peers:
        for key, value in secrets_of(peer).items():
            index = places.get(peer["name"])
            if index is not None and peers_now[index].get(key) != value:
                stack.pulumi.set_secret(f"peers[{index}].{key}", value)
                yield f"peers[{index}].{key}"
