"""Texts that commands are given."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from vpn.errors import ParseError


def text(source: Path) -> str:
    """Return a file's text, or standard input's for `-`. Raise ParseError when it is not UTF-8."""
    try:
        return sys.stdin.read() if str(source) == "-" else source.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ParseError(f"{source} is not a text in UTF-8") from None


def secret_line(prompt: str) -> str:
    """Return one line of standard input, which a terminal does not show. Raise ParseError when it is not UTF-8."""
    try:
        return (getpass.getpass(f"{prompt}: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except UnicodeDecodeError:
        raise ParseError(f"{prompt}: is not a text in UTF-8") from None
