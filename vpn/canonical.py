"""The canonical form of a WireGuard configuration: what it means, whatever wrote it.

templates/server/canonical.awk makes the same form on the server, and templates/server/README.md tells it. Any text
has one: this is for comparing, `vpn.wgconf.parse` is for checking.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

_LISTS: Final = ("address", "allowedips", "dns")
_OFF: Final = ("", "0", "off")
_LINK_LOCAL = re.compile(r"fe[89ab][0-9a-f]:")
_BLANKS: Final = " \t\r"
_SEPARATOR: Final = "\x1f"
_LOWER: Final = {ord(letter): letter.lower() for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def canonical_text(text: str) -> str:
    """Return one line for each section, sorted: its name, then its fields sorted by name, tab-separated."""
    return "".join(f"{line}\n" for line in sorted(_line(name, fields) for name, fields in _sections(text)))


def digest_text(text: str) -> str:
    """Return the SHA-256 of the canonical form, in hex."""
    return hashlib.sha256(canonical_text(text).encode()).hexdigest()


def interface_line(text: str) -> str:
    """Return the line of [Interface] alone: what cannot change without a restart."""
    return next((line for line in canonical_text(text).splitlines() if line.startswith("interface")), "")


def _sections(text: str) -> list[tuple[str, dict[str, list[str]]]]:
    found: list[tuple[str, dict[str, list[str]]]] = []
    for raw in text.split("\n"):
        line = raw.partition("#")[0].strip(_BLANKS)
        if line.startswith("[") and line.endswith("]"):
            found.append((line[1:-1].strip(_BLANKS).translate(_LOWER), {}))
        elif found and "=" in line:
            key, _, value = line.partition("=")
            found[-1][1].setdefault(key.strip(_BLANKS).translate(_LOWER), []).append(value.strip(_BLANKS))
    return found


def _line(name: str, fields: dict[str, list[str]]) -> str:
    return name + "".join(_field(key, fields[key]) for key in sorted(fields))


def _field(key: str, values: list[str]) -> str:
    if key in _LISTS:
        items = _items(key, values)
        return f"\t{key}={','.join(items)}" if items else ""
    value = _SEPARATOR.join(values)
    # Peers roam: SaveConfig writes where they are now, which says nothing about what was configured.
    if key == "endpoint" or (key in ("persistentkeepalive", "fwmark") and value.translate(_LOWER) in _OFF):
        return ""
    return f"\t{key}={value}"


def _items(key: str, values: list[str]) -> list[str]:
    items = (item.strip(_BLANKS).translate(_LOWER) for value in values for item in value.split(","))
    return sorted({_with_length(key, item) for item in items if item and not _is_link_local(key, item)})


def _is_link_local(key: str, item: str) -> bool:
    # The kernel may add one to the interface, and SaveConfig would write it.
    return key == "address" and _LINK_LOCAL.match(item) is not None


def _with_length(key: str, item: str) -> str:
    return item if key == "dns" or "/" in item else f"{item}{'/128' if ':' in item else '/32'}"
