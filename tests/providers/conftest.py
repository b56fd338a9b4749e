"""A plugin process for each provider test: it keeps the first config it is given."""

from collections.abc import Iterator

import pytest

from tests.providers.host import Host


@pytest.fixture
def host() -> Iterator[Host]:
    """A plugin process of its own, with empty config."""
    with Host() as running:
        running.configure({})
        yield running
