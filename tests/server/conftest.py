"""Pretended servers: a fresh one, and one that runs TEAM."""

from pathlib import Path

import pytest

from tests.server.machine import TEAM, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A fresh server."""
    return Machine(tmp_path)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    """A server that runs TEAM, to be copied."""
    machine = Machine(tmp_path_factory.mktemp("prepared"))
    assert machine.apply(TEAM).status == 0
    machine.calls()
    return machine


@pytest.fixture
def server(prepared: Machine, tmp_path: Path) -> Machine:
    """A server that runs TEAM."""
    return prepared.copy(tmp_path / "server")
