"""What every test of the laboratory needs: namespaces, and a place for the seconds that it measured."""

import os
from collections.abc import Callable

import pytest

from tests.lan.measuring import Within
from tests.lan.namespaces import why_not

REQUIRED = "HERD_LAN_REQUIRED"
LONG = {"test_healing", "test_liars", "test_two_coordinators"}
"""Files whose tests wait for leases to run out and the like."""
_measured = pytest.StashKey[list[str]]()


def unavailable(reason: str) -> None:
    """Ends the test: skipped, or failed where all of the laboratory must be there."""
    if os.environ.get(REQUIRED) == "1":
        pytest.fail(f"{reason}, and {REQUIRED}=1")
    pytest.skip(reason)


@pytest.fixture(autouse=True)
def _namespaces(request: pytest.FixtureRequest) -> None:
    """Skips where no namespace can be made; fails instead where HERD_LAN_REQUIRED=1 says that they must be there."""
    if reason := why_not():
        unavailable(reason)
    if request.path.stem in LONG and os.environ.get(REQUIRED) != "1":
        pytest.skip(f"takes minutes: {REQUIRED}=1 scripts/test runs it, as CI does")


@pytest.fixture
def within(request: pytest.FixtureRequest, record_property: Callable[[str, object], None]) -> Within:
    """Waits for a condition with a limit of its own; what it took is told after the tests."""
    told: list[str] = request.config.stash.setdefault(_measured, [])

    def tell(what: str, seconds: float, limit_s: float) -> None:
        record_property(what, round(seconds, 2))
        told.append(f"{seconds:6.2f} s of {limit_s:g} s  {request.node.name}: {what}")

    return Within(tell)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tells what was measured."""
    if told := terminalreporter.config.stash.get(_measured, []):
        terminalreporter.section("measured in the laboratory")
        for line in told:
            terminalreporter.write_line(line)
