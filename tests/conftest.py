"""Tiers by folder: tests/pure, tests/providers, tests/components and tests/lab carry their marker."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

TIERS = ("pure", "providers", "components", "lab")
TESTS = Path(__file__).parent

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test by the folder it lives in; a folder that is no tier counts as pure.

    What shares a site (a folder of tests/lab) or a file stays with one worker when several run.
    """
    for item in items:
        folder, *rest = item.path.relative_to(TESTS).parts
        item.add_marker(folder if folder in TIERS else "pure")
        item.add_marker(pytest.mark.xdist_group(rest[0] if folder == "lab" else item.path.name))
