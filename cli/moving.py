"""Moving the peers from the stack's config to the peers file: what they are stays the same, keys included.

Pulumi hands the config to the program in one environment variable of at most 128 KiB, some 600 peers. The file is no
place for secrets: given preshared keys become `generated` and given private keys managed ones, for the keyring of the
stack holds them already and keeps what is no longer given.
"""

from __future__ import annotations

from cli.configured import Configured, decoded
from cli.peer_file import FileStore
from cli.peer_values import PEOPLE, Peer, secrets_of
from cli.stack import Stack
from vpn.errors import StackError
from vpn.keyring import Keyring, peer_key, preshared_key
from vpn.settings.peers import GENERATED


def to_file(stack: Stack, configured: Configured) -> int:
    """Move peers and groups and return how many peers. Raise StackError when there is nothing to move, or no way."""
    if configured.peers_path.exists():
        raise StackError(
            f"{configured.peers_path.name} exists: the peers stand there already, or must be merged by hand"
        )
    peers = configured.peers
    if not peers:
        raise StackError("there are no peers in the stack's config")
    held = stack.deployed.keyring if any(secrets_of(each) for each in peers) else Keyring()
    plain = [without_secrets(each, held) for each in peers]
    configured.check(PEOPLE)
    groups = decoded(configured.values.get("groups", {}))
    without = Configured(
        configured.directory,
        {key: value for key, value in configured.values.items() if key not in ("peers", "groups")},
        configured.secret,
        configured.environ,
    )
    FileStore(without).fill(plain, groups)
    for key in ("peers", *(["groups"] if groups else [])):
        stack.pulumi.remove(key)
    return len(plain)


def without_secrets(peer: Peer, held: Keyring) -> Peer:
    """Return a peer without the secrets that the keyring holds. Raise StackError when it does not hold one of them."""
    found = {key: value for key, value in peer.items() if value is not None}
    for key, secret in secrets_of(peer).items():
        name = peer_key(peer["name"]) if key == "private_key" else preshared_key(peer["name"])
        if name not in held or held[name].secret != secret:
            raise StackError(f"peer {peer['name']}: its {key} is not in the keyring yet: run pulumi up first")
        if key == "private_key":
            del found["private_key"]
            found.pop("public_key", None)
        else:
            found["preshared_key"] = GENERATED
    return found
