"""What a person is told that a setting may be."""

from typing import Annotated, Literal

import pytest
from msgspec import Meta, structs

from agent.config import Settings as Node
from coordinator.config import Settings as Coordinator
from shared.constraints import LARGEST, expected
from shared.settings import SettingsError, resolve

ABOUT = Meta(description="x")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Annotated[int, Meta(ge=0, le=9), ABOUT], "expected a whole number from 0 to 9"),
        (Annotated[int, Meta(ge=1)], "expected a whole number of at least 1"),
        (Annotated[float, Meta(gt=0, le=5)], "expected a number above 0 and of at most 5"),
        (float, "expected a number"),
        (bool, "expected true or false"),
        (Annotated[str, ABOUT], "expected text"),
        (Annotated[str, Meta(pattern="a")], ""),
        (Annotated[Literal["strip", "warn"], ABOUT], "expected strip or warn"),
        (tuple[str, ...], 'expected a list of texts, as ["a", "b"], or a,b in an environment'),
    ],
)
def test_what_fits(kind: object, words: str) -> None:
    assert expected(kind) == words


@pytest.mark.parametrize("kind", [Coordinator, Node])
def test_each_setting_has_words(kind: type[Coordinator] | type[Node]) -> None:
    assert [field.name for field in structs.fields(kind) if not expected(field.type)] == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("log_level", "LOUD", "expected DEBUG or INFO or WARNING or ERROR"),
        ("policy", "best", "expected weighted or predictive"),
        ("port", "many", "expected a whole number from 0 to 65535"),
        ("max_retries", 99_999_999_999_999_999_999, f"expected a number of at most {LARGEST}"),
        ("hold_timeout", 1e300, f"expected a number of at most {LARGEST}"),
        ("hold_timeout", float("inf"), "expected a finite number"),
    ],
)
def test_a_value_that_does_not_fit(name: str, value: object, words: str) -> None:
    with pytest.raises(SettingsError) as raised:
        resolve(Coordinator, "FLEET_", {name: value}, {"FLEET_CONFIG_FILE": "/dev/null"})
    assert str(raised.value) == f"FLEET_{name.upper()}={value!r} (from flag): {words}"
