"""The INI dialect of WireGuard's configuration files (wg(8), wg-quick(8)): sections, entries, comments, lines."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from vpn.errors import ParseError

_HEADER = re.compile(r"\[\s*([^\]]*?)\s*\]")
_BLANKS = " \t\r"


@dataclass(frozen=True, slots=True)
class Entry:
    """One `Key = value` line. The key is lower-case; names in these files do not tell case apart."""

    key: str
    value: str
    line: int


@dataclass(slots=True)
class Section:
    """One section: lower-case name, entries, and comments without `#`: inside it, right before it, after all entries.

    What comes after the entries may be about anything: a ruler, the end of a block, a section that is commented out.
    """

    name: str
    line: int
    entries: list[Entry] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)


def sections(text: str) -> list[Section]:
    """Return the sections in order. Raise ParseError for a line that is no entry, or stands before any section."""
    found: list[Section] = []
    loose: list[str] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        content, mark, comment = raw.partition("#")
        content = content.strip(_BLANKS)
        if header := _HEADER.fullmatch(content):
            _open(found, Section(header[1].lower(), number, before=loose))
            loose = []
        elif content:
            _add(_holder(found, number), _entry(content, number))
        loose = _note(found, loose, comment.strip(_BLANKS), own_line=not content) if mark else []
    return found


def _open(found: list[Section], section: Section) -> None:
    """Start a section. The comments right before it are its own, not the last one's."""
    if found and section.before:
        del found[-1].after[-len(section.before) :]
    found.append(section)


def _add(section: Section, entry: Entry) -> None:
    """Add an entry: what seemed to come after all of them stands inside."""
    section.comments += section.after
    section.after.clear()
    section.entries.append(entry)


def _note(found: list[Section], loose: list[str], comment: str, *, own_line: bool) -> list[str]:
    """File a comment with the section it stands in; on a line of its own it may turn out to belong to the next."""
    if found:
        (found[-1].after if own_line else found[-1].comments).append(comment)
    return [*loose, comment] if own_line else []


def _holder(found: list[Section], number: int) -> Section:
    if not found:
        raise ParseError("stands before any section", number)
    return found[-1]


def _entry(content: str, number: int) -> Entry:
    key, mark, value = content.partition("=")
    if not mark or not key.strip(_BLANKS):
        raise ParseError("is neither a section nor KEY = VALUE", number)
    return Entry(key.strip(_BLANKS).lower(), value.strip(_BLANKS), number)
