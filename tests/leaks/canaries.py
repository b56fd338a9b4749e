"""The secrets searched for, in every form they could be written in."""

import base64
import json
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from vpn import tables

SHORTEST = 16
"""Below this a form would be found by chance."""
KINDS_OF_SECRET = ("wireguard", "preshared", "ssh", "zabbix_psk")
TOKENS = ("PROXMOX_VE_API_TOKEN", "PBS_TOKEN", "NETBOX_TOKEN", "ZABBIX_TOKEN", "ZABBIX_BACKUP_TOKEN")


@dataclass(frozen=True)
class Canary:
    """One secret: what it is, and its text."""

    name: str
    text: str

    def forms(self) -> frozenset[bytes]:
        """Return the byte strings that would give it away: plain, base64 at any offset, hexadecimal, in a URL."""
        raw = self.text.encode()
        found = {raw, raw.hex().encode(), raw.hex().upper().encode(), urllib.parse.quote(self.text, safe="").encode()}
        found |= {json.dumps(self.text).strip('"').encode(), *_base64(raw)}
        found |= set(_decoded(self.text))
        return frozenset(form for form in found if len(form) >= SHORTEST)


def _base64(raw: bytes) -> Iterator[bytes]:
    """Yield what stands in base64 of any text that contains `raw`, for each of the three alignments."""
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + raw)
        yield text[(0, 2, 3)[shift] : len(text) - 4]


def _decoded(text: str) -> Iterator[bytes]:
    """Yield the bytes that a WireGuard key is the base64 of, and their hexadecimal form."""
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return
    if len(raw) == 32:
        yield from (raw, raw.hex().encode())


def of_keyring(exported: Mapping[str, Any]) -> Iterator[Canary]:
    """Yield every secret of the stack's keyring, from an export with secrets shown."""
    for resource in exported["deployment"].get("resources", []):
        if resource["urn"].endswith("::keyring"):
            keys = tables.loads(_plain(resource["outputs"]["keys"]))
            for name, entry in keys.items():
                if entry["kind"] in KINDS_OF_SECRET:
                    yield from pieces(name, entry["secret"])


def of_stack(exported: str, environ: Mapping[str, str]) -> list[Canary]:
    """Return every secret of a stack, from its export with secrets shown, and the tokens it was deployed with."""
    return [*of_keyring(json.loads(exported)), *of_environment(environ)]


def pieces(name: str, secret: str) -> Iterator[Canary]:
    """Yield a secret as it is; of a private key file each line that holds secret material."""
    lines = secret.strip().splitlines()
    if len(lines) == 1:
        yield Canary(name, lines[0])
    else:  # the first two lines of an OpenSSH key are header and public key
        yield from (Canary(f"{name} line {number}", line) for number, line in enumerate(lines[1:-1], 1) if number > 2)


def of_environment(environ: Mapping[str, str]) -> Iterator[Canary]:
    """Yield the secret part of every token."""
    for name in TOKENS:
        secret = environ.get(name, "").rpartition("=")[2].rpartition(":")[2]
        if secret:
            yield Canary(name, secret)


def _plain(value: Any) -> Any:
    """Return the value of an exported secret."""
    return json.loads(value["plaintext"]) if isinstance(value, dict) and "plaintext" in value else value


def hits(canaries: Iterable[Canary], places: Mapping[str, bytes]) -> list[str]:
    """Return `canary in place` for every place that gives one away; never the secret itself."""
    wanted = [(canary.name, canary.forms()) for canary in canaries]
    return [
        f"{name} in {place}"
        for place, content in places.items()
        for name, forms in wanted
        if any(form in content for form in forms)
    ]
