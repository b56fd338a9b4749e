"""A site of its own for the slice: no real NetBox or Zabbix, which take minutes to build."""

from collections.abc import Iterator

import pytest

from chaos.arena import gated
from chaos.cases import Bench
from tests.lab.stack.rehearsal import checkout


@pytest.fixture(scope="package")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """The arena with its gates, and nothing deployed."""
    lab = checkout(tmp_path_factory.mktemp("a checkout") / "wireguard vpn")
    try:
        lab.lab("start")
        with gated(lab) as arena:
            yield Bench(arena)
    finally:
        lab.lab("down")
