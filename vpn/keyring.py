"""All secrets the stack makes or is given, by name: how a keyring follows from the last one (data model section 6).

Names: `server`, `peer/<name>`, `psk/<name>` (WireGuard), `ssh` (the stack's login to the container), `zabbix` (the
agent's preshared key), `owner` (the id of our ownership mark; not secret).
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

from vpn import keys, login_key
from vpn.settings import PeerSettings, Settings
from vpn.settings.peers import GENERATED, NONE

Kind = Literal["wireguard", "preshared", "ssh", "zabbix_psk", "owner"]
Origin = Literal["generated", "given"]
SERVER: Final = "server"
SSH: Final = "ssh"
OWNER: Final = "owner"
ZABBIX: Final = "zabbix"


@dataclass(frozen=True, slots=True)
class KeyRequest:
    """A key that must exist. A raised `generation` rotates it; so does age, in days, where `renews_itself`."""

    name: str
    kind: Kind
    generation: int = 1
    policy: Literal["manual", "automatic"] = "manual"
    max_age_days: int | None = None


@dataclass(frozen=True, slots=True)
class KeyEntry:
    """A key that exists. `public` is what may be shown of it; `generated` its RFC 3339 date."""

    kind: Kind
    secret: str = field(repr=False)
    public: str
    generated: str
    generation: int
    origin: Origin

    def generated_at(self) -> dt.datetime:
        """Return the date the key was made, or given for the first time."""
        return dt.datetime.fromisoformat(self.generated)


class Keyring(dict[str, KeyEntry]):
    """Key entries by name."""

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return the keyring as JSON-able data. It holds secrets."""
        return {name: asdict(self[name]) for name in sorted(self)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Mapping[str, Any]]) -> Keyring:
        """Return the keyring from its JSON-able data; numbers may come as floats."""
        return cls({name: KeyEntry(**{**each, "generation": int(each["generation"])}) for name, each in data.items()})


def peer_key(name: str) -> str:
    """Return the keyring's name of a peer's key pair."""
    return f"peer/{name}"


def preshared_key(name: str) -> str:
    """Return the keyring's name of a peer's preshared key."""
    return f"psk/{name}"


def requests(settings: Settings) -> tuple[KeyRequest, ...]:
    """Return the keys the configuration asks for."""
    own = settings.keys
    found = [
        KeyRequest(SERVER, "wireguard", own.key_generation, _policy(own.rotation_policy), own.max_key_age_days),
        KeyRequest(SSH, "ssh"),
        KeyRequest(OWNER, "owner"),
    ]
    if settings.zabbix.zabbix_enabled:
        found.append(KeyRequest(ZABBIX, "zabbix_psk", settings.zabbix.zabbix_psk_generation))
    for peer in settings.peers:
        found += _peer_requests(settings, peer)
    return tuple(found)


def given(settings: Settings) -> dict[str, str]:
    """Return the secrets the configuration gives, by keyring name."""
    found = {name: key.get_secret_value() for name, key in (settings.keys.given_keys or {}).items()}
    if settings.interface.private_key:
        found[SERVER] = settings.interface.private_key.get_secret_value()
    for peer in settings.peers:
        if peer.private_key:
            found[peer_key(peer.name)] = peer.private_key.get_secret_value()
        word = preshared_word(settings, peer)
        if word not in (NONE, GENERATED):
            found[preshared_key(peer.name)] = word
    return found


def preshared_word(settings: Settings, peer: PeerSettings) -> str:
    """Return `none`, `generated` or the given preshared key of a peer, its group's where it says nothing."""
    chosen = peer.preshared_key or settings.group_of(peer).preshared_key
    return chosen.get_secret_value() if chosen else NONE


def evolve(
    wanted: Sequence[KeyRequest], given: Mapping[str, str], previous: Keyring, now: dt.datetime
) -> tuple[Keyring, tuple[str, ...]]:
    """Return the next keyring and what changed, by name. Keys that nothing asks to change stay as they are."""
    entries: dict[str, KeyEntry] = {}
    changes: list[str] = []
    for request in wanted:
        old = previous.get(request.name)
        entries[request.name], change = _next(request, given.get(request.name), old, now)
        changes += [change] if change else []
    changes += [f"dropped {name}" for name in sorted(previous) if name not in entries]
    return Keyring({name: entries[name] for name in sorted(entries)}), tuple(changes)


def due(request: KeyRequest, entry: KeyEntry) -> dt.datetime | None:
    """Return when a key reaches its maximum age, None when it has none."""
    return entry.generated_at() + dt.timedelta(days=request.max_age_days) if request.max_age_days else None


def renews_itself(request: KeyRequest, entry: KeyEntry) -> bool:
    """Tell whether age rotates a key: the policy is automatic, and the stack made it.

    A key that was given, even if it no longer is, has an owner who decides: nothing rotates by surprise.
    """
    return request.policy == "automatic" and entry.origin == "generated"


def public_of(kind: Kind, secret: str) -> str:
    """Return what may be shown of a secret: a public key, or nothing. Raise ParseError for a broken key."""
    if kind == "wireguard":
        return keys.public_key(secret)
    if kind == "ssh":
        return login_key.public_key(secret)
    return secret if kind == "owner" else ""


def _policy(word: str) -> Literal["manual", "automatic"]:
    return "automatic" if word == "automatic" else "manual"


def _peer_requests(settings: Settings, peer: PeerSettings) -> list[KeyRequest]:
    age = settings.keys.max_key_age_days
    policy = _policy(peer.rotation_policy or settings.keys.rotation_policy)
    found = []
    if peer.managed:
        found.append(KeyRequest(peer_key(peer.name), "wireguard", peer.key_generation, policy, age))
    if preshared_word(settings, peer) != NONE:
        found.append(KeyRequest(preshared_key(peer.name), "preshared", peer.preshared_key_generation, policy, age))
    return found


def _next(request: KeyRequest, given: str | None, old: KeyEntry | None, now: dt.datetime) -> tuple[KeyEntry, str]:
    if given is not None:
        return _given(request, given, old, now)
    if old is None or old.kind != request.kind:
        return _made(request, now), f"made {request.name}"
    if request.generation > old.generation:
        return _made(request, now), f"rotated {request.name}: generation {request.generation}"
    last = due(request, old)
    if renews_itself(request, old) and last is not None and now >= last:
        return _made(request, now), f"rotated {request.name}: older than {request.max_age_days} days"
    return old, ""


def _given(request: KeyRequest, secret: str, old: KeyEntry | None, now: dt.datetime) -> tuple[KeyEntry, str]:
    if old and _is_same(request.kind, old, secret):
        # Of the old generation still: one that is raised meanwhile rotates the key once it is no longer given.
        return replace(old, secret=secret, origin="given"), ""
    entry = KeyEntry(request.kind, secret, public_of(request.kind, secret), _stamp(now), request.generation, "given")
    return entry, f"{'replaced' if old else 'given'} {request.name}"


def _is_same(kind: Kind, old: KeyEntry, secret: str) -> bool:
    """Tell whether a secret is the one that is held; of a private key it may be the clamped form, or the other one."""
    if kind == old.kind == "wireguard":
        return keys.clamped(old.secret) == keys.clamped(secret)
    return old.secret == secret


def _made(request: KeyRequest, now: dt.datetime) -> KeyEntry:
    secret = _MAKERS[request.kind]()
    return KeyEntry(request.kind, secret, public_of(request.kind, secret), _stamp(now), request.generation, "generated")


def _stamp(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).replace(microsecond=0).isoformat()


_MAKERS: dict[Kind, Callable[[], str]] = {
    "wireguard": keys.generate_private_key,
    "preshared": keys.generate_preshared_key,
    "ssh": login_key.generate,
    "zabbix_psk": lambda: secrets.token_hex(32),
    "owner": lambda: secrets.token_hex(8),
}
