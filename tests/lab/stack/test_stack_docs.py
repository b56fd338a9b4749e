"""The commands of the documentation, typed as they stand there, on the lab, and what their comments say of them."""

import re
import subprocess
from collections.abc import Iterator

import pytest

from tests.docs.blocks import ROOT, Block, run_on
from tests.lab.stack.rehearsal import Rehearsal

FIRST = ROOT / "docs/tutorial.md"
BLOCKS = [*run_on("lab", FIRST), *(block for block in run_on("lab") if block.page != FIRST)]
PATIENCE = 600
QUIET, STRICTLY = "# nothing to do", "--expect-no-changes"
"""The comment at a command that finds no changes, and the option by which the command itself fails when it does."""
SAYS = re.compile(r"# says: (.+)")


@pytest.fixture(scope="module")
def site(deployed: Rehearsal) -> Iterator[Rehearsal]:
    """The site with its stack up, put back afterwards to what it was."""
    stack, config = deployed.stack("lab"), deployed.root / "Pulumi.lab.yaml"
    before = config.read_text()
    stack.up()
    yield deployed
    config.write_text(before)
    deployed.lab("peers", "disconnect")
    stack.up()


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_block_does_what_it_says(block: Block, site: Rehearsal) -> None:
    """Run one block; they build on each other, in the order of the page."""
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text.replace(QUIET, STRICTLY)],
        cwd=site.root,
        env=site.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    said = told.stdout + told.stderr
    assert told.returncode == 0, said
    assert [words for words in SAYS.findall(block.text) if words not in said] == [], said


@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_the_comments_are_found(page: str) -> None:
    text = "".join(block.text for block in BLOCKS if block.page == ROOT / page)
    assert QUIET in text
    assert SAYS.search(text)
