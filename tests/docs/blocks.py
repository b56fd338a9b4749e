"""The shell blocks of the documentation, and which of them a test runs.

A block is run when the line before it says so: `<!-- test: lab -->` on the lab, in the order of the
page; `<!-- test: pure -->` in a copy of the checkout, without root or network.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
BLOCK = re.compile(
    r"^(?:<!-- test: (?P<where>\w+) -->\n)?(?P<indent> *)```(?:sh|bash)\n(?P<text>.*?)^ *```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One shell block: the page and line it stands on, where a test runs it (empty: nowhere), its commands."""

    page: Path
    line: int
    where: str
    text: str

    def __str__(self) -> str:
        """Return page and line, as a test's name."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def commands(self) -> list[str]:
        """The lines without comments, continued ones joined."""
        joined = self.text.replace("\\\n", " ")
        lines = (re.sub(r"(^|\s)#\s.*$", "", line).strip() for line in joined.splitlines())
        return [line for line in lines if line]


def blocks(*pages: Path) -> Iterator[Block]:
    """Yield the shell blocks of these pages, in order."""
    for page in pages:
        text = page.read_text()
        for found in BLOCK.finditer(text):
            line = text.count("\n", 0, found.start("text"))
            yield Block(page, line, found["where"] or "", found["text"])


def run_on(where: str, *pages: Path) -> list[Block]:
    """Return the blocks that a test runs there."""
    return [block for block in blocks(*(pages or PAGES)) if block.where == where]
