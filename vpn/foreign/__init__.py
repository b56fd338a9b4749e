"""Taking over a server that others configured: its file becomes stack config and secrets, keys kept.

Read are wg-quick files as made by hand, by Ansible roles, by pivpn and by wg-easy, and wg-easy's JSON. What our
configuration cannot represent is reported, never dropped in silence.
"""

from __future__ import annotations

from vpn.foreign.conf import parse_conf
from vpn.foreign.export import export
from vpn.foreign.imported import Imported
from vpn.foreign.wgeasy import parse_json

__all__ = ["Imported", "export", "parse"]


def parse(text: str) -> Imported:
    """Return what a foreign configuration amounts to. Raise ParseError when it is none; messages hold no secret."""
    return parse_json(text) if text.lstrip().startswith("{") else parse_conf(text)
