"""The commands of the documentation, typed as they stand there, on the lab."""

import subprocess

import pytest

from tests.docs.blocks import ROOT, Block, run_on
from tests.lab.stack.rehearsal import Rehearsal

FIRST = ROOT / "docs/tutorial.md"
BLOCKS = [*run_on("lab", FIRST), *(block for block in run_on("lab") if block.page != FIRST)]
PATIENCE = 600


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_the_block_does_what_it_says(block: Block, deployed: Rehearsal) -> None:
    """Run one block; they build on each other, in the order of the page."""
    told = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block.text],
        cwd=deployed.root,
        env={**deployed.environ, "PULUMI_SKIP_CONFIRMATIONS": "true"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert told.returncode == 0, told.stdout + told.stderr
