"""Sections of options with a digest, as configuration files keep them."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from lab.pve.dialect import died
from lab.pve.formats import split_list
from lab.pve.routing import Call

NOT_OPTIONS = {"delete", "digest", "node", "vmid", "pos", "moveto", "id"}


def digest(section: object) -> str:
    """SHA-1 of a section: changes whenever the section does."""
    return hashlib.sha1(json.dumps(section, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def check_digest(call: Call, current: str) -> None:
    """Refuse a change made in ignorance of another one."""
    if call.get("digest", current) != current:
        raise died("detected modified configuration - file changed by other user? Try again.")


def apply_options(section: dict[str, Any], params: Mapping[str, Any]) -> None:
    """Set the given options and drop those named in `delete`."""
    for name in split_list(params.get("delete", "")):
        section.pop(name, None)
    section |= {name: value for name, value in params.items() if name not in NOT_OPTIONS}
