"""The pure tier: no network, and golden files that show what is rendered."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def _no_network(socket_disabled: None) -> None:
    """Sockets raise: what is pure does no I/O."""


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with a golden file; UPDATE_GOLDEN=1 rewrites the file, for a person to review."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("UPDATE_GOLDEN"):
            path.write_text(text)
        assert text == path.read_text()

    return compare
