"""Tests that take minutes run where they are asked for: in CI, and by HERD_LONG=1. Nobody's own settings matter."""

import os
from collections.abc import Iterable

import pytest
from hypothesis import settings

LONG = "HERD_LONG"

os.environ["FLEET_CONFIG_FILE"] = os.devnull  # no test reads the settings of whoever runs it

# Tests run side by side: how long one example takes tells of the others. What is fast enough is measured alone.
settings.register_profile("herd", deadline=None)
settings.load_profile("herd")


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Skips what is marked `long`."""
    if os.environ.get(LONG):
        return
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason=f"takes minutes: {LONG}=1 runs it"))
