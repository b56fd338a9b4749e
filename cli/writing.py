"""Files that commands write: whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Final

from vpn.errors import StackError

PRIVATE: Final = 0o600
READABLE: Final = 0o644


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all. An existing file is replaced.

    Raise StackError for what is no regular file: a link, or a device as /dev/stdout, would be gone.
    """
    if path.is_symlink() or _is_other(path):
        raise StackError(f"{path} is no regular file: a file with keys does not take its place")
    _replace(path, content, PRIVATE)


def replace_text(path: Path, text: str) -> None:
    """Write a text, whole or not at all. An existing file keeps its mode, and a link leads where it led.

    Raise StackError for what is no regular file: root would put a file in the place of /dev/null, for everybody.
    """
    target = path.resolve()
    if _is_other(target):
        raise StackError(f"{path} is no regular file: no file takes its place")
    mode = stat.S_IMODE(target.stat().st_mode) if target.exists() else READABLE
    _replace(target, text.encode(), mode)


def _is_other(path: Path) -> bool:
    return path.exists() and not path.is_file()


def _replace(path: Path, content: bytes, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise
