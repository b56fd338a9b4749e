"""A checkout of its own, at a path with a space, whose lab and stack are gone afterwards.

So the tests disturb neither the lab of this checkout nor its files: `pulumi config set` changes
the copy's Pulumi.lab.yaml.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab.stack.rehearsal import Rehearsal, checkout


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let peers outlive the call that made them: Python warns of processes nobody waited for."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"))


@pytest.fixture(scope="package")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rehearsal]:
    """The copy with its lab up and nothing deployed."""
    root = tmp_path_factory.mktemp("a checkout") / "wireguard vpn"
    own = checkout(root)
    leave_out(root / "Pulumi.lab.yaml", "netbox", "zabbix")
    try:
        own.lab("start")
        (root / ".lab/backend").mkdir(exist_ok=True)
        yield own
    finally:
        own.lab("down")


@pytest.fixture(scope="package")
def deployed(rehearsal: Rehearsal) -> Rehearsal:
    """The copy with the stack `lab` up."""
    rehearsal.stack("lab").up()
    return rehearsal


def leave_out(config: Path, *systems: str) -> None:
    """Switch systems off in a stack's config: they have tests of their own, and take minutes to build."""
    text = config.read_text()
    for system in systems:
        key = f"wireguard-vpn:{system}_enabled:"
        if key not in text:
            text = text.replace("config:\n", f'config:\n  {key} "false"\n', 1)
    config.write_text(text)
