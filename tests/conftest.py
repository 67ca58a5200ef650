"""Which tests run. All do in CI, and by HERD_LONG=1. Else those marked `long` do not; and of the files that start whole
fleets the first test only, where all tests are asked for without a word (HERD_SHORT, by `scripts/check`). Nobody's own
settings matter.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import settings

LONG, SHORT = "HERD_LONG", "HERD_SHORT"
FLEETS = [Path(__file__).parent / name for name in ("fleet", "lan")]
"""Each test there starts several programs: two thirds of all time. The first of a file is its main story."""

os.environ["FLEET_CONFIG_FILE"] = os.devnull  # no test reads the settings of whoever runs it

# Tests run side by side: how long one example takes tells of the others. What is fast enough is measured alone.
settings.register_profile("herd", deadline=None)
settings.load_profile("herd")


def pytest_collection_modifyitems(items: Iterable[pytest.Item]) -> None:
    """Skips what is for another time."""
    if os.environ.get(LONG):
        return
    short = bool(os.environ.get(SHORT))
    seen: set[Path] = set()
    for item in items:
        later = item.path in seen
        seen.add(item.path)
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.skip(reason=f"takes minutes: {LONG}=1 runs it"))
        elif short and later and item.path.parent in FLEETS and not item.get_closest_marker("always"):
            item.add_marker(pytest.mark.skip(reason=f"not the first of its file: {LONG}=1 runs it"))
