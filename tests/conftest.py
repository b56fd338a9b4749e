"""Tiers by folder: tests/pure, tests/providers, tests/components and tests/lab carry their marker."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TIERS = ("pure", "providers", "components", "lab")
TESTS = Path(__file__).parent
REAL_SYSTEMS = {"netbox": "netbox", "zabbix": "server"}
"""Folders of tests/providers, each with the fixture that is the real system."""

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "default")


@pytest.hookimpl(tryfirst=True)  # before xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the folder it lives in; a folder that is no tier counts as pure.

    A provider's test that talks to the real system needs the lab's means: root, and minutes to
    build it. What shares a site, a system or a file stays with one worker when several run.
    """
    for item in items:
        folder, *rest = item.path.relative_to(TESTS).parts
        fixtures = getattr(item, "fixturenames", ())
        real = folder == "providers" and REAL_SYSTEMS.get(rest[0]) in fixtures
        item.add_marker("lab" if real else folder if folder in TIERS else "pure")
        group = rest[0] if real or folder == "lab" else item.path.name
        item.add_marker(pytest.mark.xdist_group(group))
