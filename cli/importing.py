"""A foreign server's configuration into this stack's: settings, peers, and every key as a secret."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

from cli.configured import Configured
from cli.given import KEY as GIVEN
from cli.given import give
from cli.peer_file import FileStore
from cli.peer_store import ConfigStore
from cli.peer_values import Peer, leaves, refuse_numbers
from cli.pulumi import Pulumi
from vpn.errors import StackError, Unfinished, VpnError
from vpn.foreign import Imported
from vpn.keyring import peer_key, preshared_key
from vpn.settings.peers import GENERATED

Place = Literal["config", "file"]
MOST_IN_CONFIG: Final = 100
"""Up to so many peers go into the stack's config by default."""
CLIENTS: Final = (
    "clients keep their own AllowedIPs, which no server's file tells: set tunnel: full (of a group, or of peers) where "
    "they send everything (0.0.0.0/0), or they lose the internet; routes for networks behind the server; peer_to_peer "
    "where they talk to each other"
)
"""What the server lets through here is part of its configuration; others forward everything."""


@dataclass(frozen=True)
class Outcome:
    """What an import did: how many peers went where, and what does not carry over."""

    origin: str
    peers: int
    where: str
    reports: tuple[str, ...]


def take_over(pulumi: Pulumi, configured: Configured, imported: Imported, place: Place | None) -> Outcome:
    """Write an import, checked before. Raise StackError when the stack has peers, ConfigError for broken rules.

    Raise Unfinished when it breaks off while it writes; it can be repeated.
    """
    if configured.peers or configured.peers_path.exists():
        raise StackError("the stack has peers already: import into one without")
    peers = [_with_secrets(imported, index) for index in range(len(imported.config["peers"]))]
    _check(configured, _settings(imported), peers, imported.secrets["private_key"])
    chosen = place or ("config" if len(peers) <= MOST_IN_CONFIG and not configured.awaits_peers_file else "file")
    if chosen == "config" and configured.awaits_peers_file:
        raise StackError(f"peers_file names {configured.peers_path.name}: peers belong there, --to file")
    if chosen == "config":
        refuse_numbers(peers)
    keys: dict[str, str] = {}
    plain = [_parted(each, keys) for each in peers]
    # The peers come last and all at once: until they are there, the import can be repeated.
    give(pulumi, configured, keys)
    try:
        where = _write(pulumi, configured, imported, plain, chosen)
    except VpnError as error:
        raise Unfinished(f"the peers are not imported: {error}; next: the same command again") from None
    where += f", their keys in the config key {GIVEN}" if keys else ""
    return Outcome(imported.origin, len(peers), where, (*imported.reports, CLIENTS))


def _write(pulumi: Pulumi, configured: Configured, imported: Imported, peers: list[Peer], place: Place) -> str:
    """Write the server's key, settings, and then the peers; returns where these are."""
    settings, private_key = _settings(imported), imported.secrets["private_key"]
    pulumi.set_secret("private_key", private_key)
    pulumi.set_plain(leaves_of(settings))
    now = configured.with_values(settings | {"private_key": private_key})
    return _to_config(pulumi, now, peers) if place == "config" else _to_file(now, peers)


def _settings(imported: Imported) -> dict[str, Any]:
    return {key: value for key, value in imported.config.items() if key != "peers"}


def leaves_of(values: dict[str, Any]) -> dict[str, str]:
    """Return top-level values as `pulumi config set` takes them."""
    return {path: text for key, value in values.items() for path, text in leaves(key, value).items()}


def _with_secrets(imported: Imported, index: int) -> Peer:
    prefix = f"peers[{index}]."
    own = {key.removeprefix(prefix): each for key, each in imported.secrets.items() if key.startswith(prefix)}
    return {**imported.config["peers"][index], **own}


def _check(configured: Configured, settings: dict[str, Any], peers: list[Peer], private_key: str) -> None:
    wanted = settings | {"peers": peers, "private_key": private_key}
    configured.with_values(wanted).check([*settings, "peers", "private_key"])


def _to_config(pulumi: Pulumi, configured: Configured, peers: list[Peer]) -> str:
    store = ConfigStore(pulumi, configured)
    store.add(peers)
    return store.where


def _to_file(configured: Configured, peers: list[Peer]) -> str:
    store = FileStore(configured)
    store.fill(peers, {})
    return store.where


def _parted(peer: Peer, keys: dict[str, str]) -> Peer:
    """Return a peer without its secrets, which are added to `keys`."""
    found = dict(peer)
    if "private_key" in found:
        keys[peer_key(found["name"])] = found.pop("private_key")
        del found["public_key"]  # it follows from the private key, which the stack manages
    if "preshared_key" in found:
        keys[preshared_key(found["name"])] = found["preshared_key"]
        found["preshared_key"] = GENERATED
    return found
