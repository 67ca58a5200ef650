"""What a caller may say of substitutes."""

import pytest
from msgspec import Raw

from coordinator.dialects.allowances import asks_thinking, may_substitute
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
