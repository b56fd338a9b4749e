"""What a command said: one clear error, or success; and nothing that is not for the reader."""

import re
from collections.abc import Iterable
from typing import Final

from chaos.arena import Ran
from tests.leaks.canaries import Canary, hits

NOISE: Final = (
    "Traceback (most recent call last)",
    "panic:",
    "goroutine ",
    "this is a defect",
    "A new version of Pulumi",
    "[secret]\n  File",
)
SUMMARIES: Final = re.compile(
    r"error: ((update|preview|destroy|refresh|resource operations?) (failed|canceled|cancelled)"
    r"|Resource monitor has terminated, shutting down|program failed|step (application|generation) failed"
    r"|an unhandled error occurred: Program exited with non-zero exit code: \d+"
    r"|[\w:/.$-]+ resource '[^']+' has a problem\b.*:$)",
    re.IGNORECASE,
)
ERROR: Final = re.compile(r"^\s*(?:[\w.:/$-]+ \([^)]*\):\s*)?error: (.+)$", re.MULTILINE)
SIDE_BY_SIDE: Final = 6
"""Resources of one system that Pulumi works on at once: each may say that it met the outage."""


def judge(ran: Ran, secrets: Iterable[Canary]) -> list[str]:
    """Return what is wrong with what a command said; nothing for one clear error or success."""
    found = [f"printed {sign!r}" for sign in NOISE if sign in ran.out]
    found += [f"printed a secret: {hit}" for hit in hits(secrets, {"its output": ran.out.encode()})]
    if ran.code:
        errors = said(ran)
        if not errors:
            found.append(f"failed with {ran.code} and gave no reason")
        if len(errors) > SIDE_BY_SIDE:
            found.append(f"gave {len(errors)} different errors for one cause")
    return found


def said(ran: Ran) -> list[str]:
    """Return the different errors a command printed, those that only sum up left out."""
    lines = (match.group(1).strip() for match in ERROR.finditer(ran.out))
    kept = [line for line in lines if not SUMMARIES.match(f"error: {line}")]
    return list(dict.fromkeys(_without_place(line) for line in kept))


def _without_place(line: str) -> str:
    return re.sub(r"'urn:[^']+'|urn:\S+", "…", line)
