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
    """Mark every test by the folder it lives in; a folder that is no tier counts as pure."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(folder if folder in TIERS else "pure")
