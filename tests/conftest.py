"""Tiers by folder: tests/pure, tests/components, tests/server, tests/providers and tests/lab carry their marker."""

import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

TIERS = ("pure", "components", "server", "providers", "lab")
TESTS = Path(__file__).parent
FOLDER_DEPTH = 3
REAL_SYSTEMS = {"netbox": "netbox", "zabbix": "server"}
"""Folders of tests/providers, each with the fixture that is the real system."""
LONGEST = (
    "tests/lab/stack",
    "tests/providers/netbox",
    "tests/providers/zabbix",
    "tests/lab/monitoring",
    "tests/lab/server",
    "tests/lab/test_cli.py",
    "tests/lab/chaos",
)
"""What takes minutes, however few its tests are: begun last, it would keep one worker while the others are done."""

LAB = re.compile(r"(PULUMI|PROXMOX_VE|NETBOX|ZABBIX|PBS|WIREGUARD_VPN_(LAB|SSH|TEMPLATE))_|SSL_CERT_FILE$")

if "WIREGUARD_VPN_LAB_CA" in os.environ:  # a shell after `. lab/env`: no test means that lab
    for name in [*filter(LAB.match, os.environ)]:
        del os.environ[name]

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the folder it lives in; a folder that is no tier counts as pure.

    A provider's test that talks to the real system needs the lab's means: root, and minutes to build it.
    """
    for item in items:
        folder, *rest = item.path.relative_to(TESTS).parts
        fixtures = getattr(item, "fixturenames", ())
        real = folder == "providers" and REAL_SYSTEMS.get(rest[0]) in fixtures
        item.add_marker("lab" if real else folder if folder in TIERS else "pure")
    if any(hasattr(item.config, "workerinput") for item in items[:1]):
        items.sort(key=lambda item: _rank(_scope(item.nodeid)))


def _scope(nodeid: str) -> str:
    """Return what a test stays with: a folder of tests/lab or tests/providers, else its file."""
    path = nodeid.partition("::")[0]
    parts = path.split("/")
    shared = len(parts) > FOLDER_DEPTH and parts[1] in {"lab", "providers"}
    return "/".join(parts[:FOLDER_DEPTH]) if shared else path


def _rank(scope: str) -> int:
    return LONGEST.index(scope) if scope in LONGEST else len(LONGEST)


class SiteScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps with one worker what shares a site or a system, and begins with what takes longest."""

    def _split_scope(self, nodeid: str) -> str:
        return _scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SiteScheduling | None:
    """Spread the tests over the workers. (xdist's own groups are marks that this pytest no longer lets it read.)"""
    if config.getoption("dist") != "loadscope":
        return None
    config.option.loadscopereorder = False  # which would begin with the most tests
    return SiteScheduling(config, log)
