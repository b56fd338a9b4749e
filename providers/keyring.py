"""The keyring: every secret of the stack in one resource, made once and known already at preview.

`check` carries the keys of the old state over and makes only what is missing or due; a preview's
new keys are thrown away, `up` makes its own.
"""

import datetime as dt
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from providers.base import Provider
from providers.props import Props
from vpn import keyring as kr


class KeyringProps(Props):
    """`requests` are the keys that must exist, `given` those the configuration supplies.

    `keys` holds the entries with their secrets, `public` what may be shown of each, and `changes`
    what the last change did, by name.
    """

    as_text = frozenset({"requests", "keys", "public"})
    requests: list[kr.KeyRequest] = []
    given: dict[str, str] = {}
    keys: dict[str, dict[str, Any]] = {}
    public: dict[str, dict[str, Any]] = {}
    changes: list[str] = []


class KeyringProvider(Provider[KeyringProps]):
    """Keeps the keyring in state alone; there is nothing outside to read or remove."""

    props = KeyringProps
    computed = frozenset({"requests", "given", "changes"})

    def on_check(self, old: KeyringProps | None, new: KeyringProps) -> KeyringProps:
        """Let the keyring follow from the last one."""
        previous = kr.Keyring.from_dict(old.keys if old else {})
        found, changes = kr.evolve(new.requests, new.given, previous, dt.datetime.now(dt.UTC))
        said = [*changes] if changes or old is None else old.changes
        return new.with_(keys=found.to_dict(), public=shown(found), changes=said)

    def on_create(self, new: KeyringProps) -> tuple[str, KeyringProps]:
        """Keep the keyring under the owner's id."""
        return str(new.public.get(kr.OWNER, {}).get("public_key") or "keyring"), new


class Keyring(Resource, module="vpn", name="Keyring"):
    """Every secret of the stack by name, and what may be shown of each, both as `vpn.tables` holds them."""

    keys: pulumi.Output[Any]
    public: pulumi.Output[Any]
    changes: pulumi.Output[list[str]]

    def __init__(self, name: str, *, opts: pulumi.ResourceOptions | None = None, **props: Any) -> None:
        secret = {"given": pulumi.Output.secret(props.pop("given")), "keys": pulumi.Output.secret({})}
        given = KeyringProps.inputs({"public": {}, "changes": [], **secret, **props})
        super().__init__(KeyringProvider(), name, given, opts)


def shown(keyring: kr.Keyring) -> dict[str, dict[str, Any]]:
    """Return what may be shown of each key: its public part, date, generation and origin."""
    return {
        name: {
            "public_key": entry.public,
            "generated": entry.generated,
            "generation": entry.generation,
            "origin": entry.origin,
        }
        for name, entry in keyring.items()
    }
