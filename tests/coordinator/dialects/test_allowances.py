"""What a caller may say of substitutes and of restricted engines."""

import pytest
from msgspec import Raw

from coordinator.core.call import Priority
from coordinator.dialects.allowances import allows, asks_thinking, may_substitute
from shared.errors import CallerFault


@pytest.mark.parametrize(
    ("fallback", "header", "may"),
    [
        (None, None, None),
        (True, None, True),
        (False, None, False),
        (None, "true", False),
        (True, "True", False),
        (None, "false", None),
        (False, "false", False),
        (True, " 0 ", True),
    ],
)
def test_either_may_forbid_it(fallback: bool | None, header: str | None, may: bool | None) -> None:
    assert may_substitute(fallback, header) is may


@pytest.mark.parametrize("header", ["", "yes", "true, false"])
def test_a_header_that_is_neither_is_the_callers_fault(header: str) -> None:
    with pytest.raises(CallerFault, match="X-Fleet-No-Fallback"):
        may_substitute(None, header)


@pytest.mark.parametrize(
    ("field", "header", "priority", "by_fleet", "allowed"),
    [
        (None, None, "interactive", False, set()),
        (None, None, "batch", False, {"batch"}),
        (None, None, "background", False, {"batch"}),
        (None, None, "interactive", True, {"restricted"}),
        (True, None, "interactive", False, {"restricted"}),
        (False, None, "batch", True, set()),
        (None, "restricted", "interactive", False, {"restricted"}),
        (None, " Cost , batch", "interactive", False, {"cost", "batch"}),
        (None, "batch", "interactive", True, {"batch"}),
        (None, "none", "batch", True, set()),
        (True, "none", "interactive", False, set()),
        (False, "restricted", "interactive", True, set()),
    ],
)
def test_which_restrictions_a_call_accepts(
    field: bool | None, header: str | None, priority: Priority, by_fleet: bool, allowed: set[str]
) -> None:
    assert allows(field, header, priority, by_fleet=by_fleet) == allowed


@pytest.mark.parametrize("header", ["", "true", "none, cost", "money"])
def test_a_header_that_names_another_restriction_is_the_callers_fault(header: str) -> None:
    with pytest.raises(CallerFault, match="X-Fleet-Allow is none, or some of restricted, cost, batch"):
        allows(None, header, "interactive", by_fleet=False)


@pytest.mark.parametrize(
    ("wishes", "asks"),
    [
        ([b"", b""], False),
        ([b"null", b""], False),
        ([b"false", b'"none"'], False),
        ([b"true", b""], True),
        ([b"", b'"low"'], True),
        ([b'"high"'], True),
    ],
)
def test_who_asks_for_thinking(wishes: list[bytes], asks: bool) -> None:
    assert asks_thinking(*map(Raw, wishes)) == asks
