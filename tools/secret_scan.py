"""Look for secrets in files: `python tools/secret_scan.py [FILE …]`, by default all that git tracks.

Shapes of what this project handles: private key blocks, WireGuard keys, API tokens of Proxmox VE, PBS and NetBox.
Tests are made of made-up keys and checksums of modules look like keys; both are left to the eye. One repeated
digit is a placeholder.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
UUID: Final = r"(?!(?P<one>[0-9a-f])(?P=one){7}-)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SHAPES: Final = {
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/]{32}"),
    "a WireGuard key": re.compile(r"(?<![A-Za-z0-9+/:])(?!A{43}=)[A-Za-z0-9+/]{43}=(?![A-Za-z0-9=])"),
    "an API token of Proxmox": re.compile(rf"[\w.-]+@[\w.-]+![\w.-]+[=:]{UUID}"),
    "an API token of NetBox": re.compile(r"\bnbt_[A-Za-z0-9]{8,}\.[A-Za-z0-9]{20,}"),
}
UNSEEN: Final = ("tests/", "go.sum")
"""Where a path begins or ends with these, only private key blocks count."""


def findings(path: str, text: str) -> Iterator[str]:
    """Yield what in a file looks like a secret, by line, without showing it."""
    made_up = path.startswith(UNSEEN) or path.endswith(UNSEEN)
    for what, shape in SHAPES.items():
        if made_up and what != "a private key":
            continue
        for found in shape.finditer(text):
            yield f"{path}:{text.count(chr(10), 0, found.start()) + 1}: looks like {what}"


def tracked() -> list[str]:
    """Return the paths that git tracks."""
    told = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [path for path in told.stdout.split("\0") if path]


def main(paths: Iterable[str]) -> int:
    """Print the findings; 1 when there are any."""
    found: list[str] = []
    for path in [*paths] or tracked():
        try:
            found += findings(path, (ROOT / path).read_text())
        except (UnicodeDecodeError, OSError):
            continue  # no text, or a link to nowhere
    sys.stdout.writelines(f"{each}\n" for each in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
