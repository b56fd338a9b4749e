"""The line that makes an object the stack's: `pulumi: PROJECT/STACK/OWNER`, OWNER being an id in its keyring."""

from __future__ import annotations

import re
from typing import Final

_FORM: Final = re.compile(r"pulumi: (?P<project>[^/\s]+)/(?P<stack>[^/\s]+)/(?P<owner>[^/\s]+)")
RENAMED: Final = (
    "carries this stack's mark from when it was named {former}, as does all that it made: the stack was renamed. "
    "Rename it back: pulumi stack rename {former}"
)
"""What is said of an object with another name and our own owner id in its mark."""


def stack_of(text: str) -> str | None:
    """Return the `PROJECT/STACK` whose mark a text is; None when it is no mark."""
    found = _FORM.fullmatch(text.strip())
    return f"{found['project']}/{found['stack']}" if found else None


def is_in(notes: str | None, mark: str) -> bool:
    """Whether a mark is a line of an object's notes; no mark is in none."""
    return bool(mark) and mark in (notes or "").splitlines()


def former_name(text: str, mark: str) -> str | None:
    """Return the name our stack had when it wrote a mark that is a line of `text`; None without such a line."""
    ours = _FORM.fullmatch(mark)
    marks = (_FORM.fullmatch(line.strip()) for line in text.splitlines())
    others = (each for each in marks if each and ours and each["owner"] == ours["owner"] and each[0] != mark)
    return next((each["stack"] for each in others), None)
