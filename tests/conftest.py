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


class SiteScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Keeps with one worker what shares a site or a system: a folder of tests/lab or tests/providers, else a file."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        parts = path.split("/")
        shared = len(parts) > FOLDER_DEPTH and parts[1] in {"lab", "providers"}
        return "/".join(parts[:FOLDER_DEPTH]) if shared else path


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> SiteScheduling | None:
    """Spread the tests over the workers. (xdist's own groups are marks that this pytest no longer lets it read.)"""
    return SiteScheduling(config, log) if config.getoption("dist") == "loadscope" else None
