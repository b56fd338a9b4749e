"""Where a passphrase comes from: a prompt, a file, or an open file descriptor; never an argument or the environment."""

from __future__ import annotations

import getpass
import sys
from pathlib import Path

from cli.key_backup import SHORTEST_PASSPHRASE
from vpn.errors import StackError


def read(file: Path | None, descriptor: int | None, *, new: bool) -> str:
    """Return the passphrase; a `new` one is asked for twice. Raise StackError for one too short, or none to be had."""
    if file is not None:
        found = _first_line(file)
    elif descriptor is not None:
        found = _first_line(descriptor)
    else:
        found = _asked(new=new)
    if len(found) < SHORTEST_PASSPHRASE:
        raise StackError(f"a passphrase has at least {SHORTEST_PASSPHRASE} characters")
    return found


def _first_line(source: Path | int) -> str:
    with open(source, encoding="utf-8") as file:  # noqa: PTH123 - a descriptor is no path
        try:
            return file.readline().rstrip("\r\n")
        except UnicodeDecodeError:
            raise StackError("the passphrase is no text in UTF-8") from None


def _asked(*, new: bool) -> str:
    if not sys.stdin.isatty():
        raise StackError("nobody is there to be asked: give --passphrase-file or --passphrase-fd")
    found = getpass.getpass("passphrase of the backup: ")
    if new and getpass.getpass("once more: ") != found:
        raise StackError("the two passphrases differ")
    return found
