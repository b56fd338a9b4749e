"""The stand-ins as fixtures."""

from pathlib import Path

import pytest

from tests.lab_api.stand_ins import Pbs, Pve


@pytest.fixture
def pve(tmp_path: Path) -> Pve:
    return Pve(tmp_path / "pve")


@pytest.fixture
def pbs(tmp_path: Path) -> Pbs:
    return Pbs(tmp_path / "pbs")
