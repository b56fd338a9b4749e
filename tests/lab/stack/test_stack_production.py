"""The production stack, previewed beside the lab's with nothing but addresses and tokens set."""

from collections.abc import Iterator

import pytest

from tests.lab.stack.pulumi_cli import Stack
from tests.lab.stack.rehearsal import Rehearsal


@pytest.fixture
def prod(deployed: Rehearsal) -> Iterator[Stack]:
    """The stack of Pulumi.prod.yaml; the systems this rehearsal lacks are switched off."""
    config = deployed.root / "Pulumi.prod.yaml"
    before = config.read_text()
    stack = deployed.stack("prod")
    comments = [line for line in before.splitlines() if line.lstrip().startswith("#")]
    assert [line for line in config.read_text().splitlines() if line.lstrip().startswith("#")] == comments
    stack.set_all({f"{system}_enabled": "false" for system in ("netbox", "zabbix")})
    yield stack
    stack.run("stack", "rm", "--yes", "--force")
    config.write_text(before)


def test_the_preview_shows_the_full_plan(prod: Stack) -> None:
    planned = prod.planned()
    assert set(planned.values()) == {"create"}
    assert {
        "keyring",
        "addresses",
        "backup-reservation",
        "claim",
        "container-template",
        "container",
        "firewall-rules",
        "firewall-options",
        "host-key",
        "server-state",
        "server",
        "backup",
    } <= planned.keys()
