"""What was learned of estimates: few measurements suffice, an odd one changes little, old ones fade."""

import math
from pathlib import Path

import pytest

from agent.models.correction import (
    HALF_LIFE_S,
    KEPT,
    MODELS_MOST,
    Corrections,
    Measured,
    factor,
    learned,
)
from agent.models.corrections_file import FILE, KeptCorrections

GIB = 2**30
NOW = 1_800_000_000.0


def after(*ratios: float, model: str = "m", now: float = NOW) -> Corrections:
    known = Corrections()
    for ratio in ratios:
        known = learned(known, model, 10 * GIB, int(ratio * 10 * GIB), now)
    return known


def test_before_the_first_measurement_the_estimate_stands() -> None:
    assert factor(Corrections(), "m", NOW) == 1.0
    assert factor(after(1.5), "other", NOW) == 1.0


def test_the_first_moves_it_most_of_the_way() -> None:
    assert factor(after(1.5), "m", NOW) == pytest.approx(1.5**0.8)


def test_it_comes_near_what_is_measured() -> None:
    assert 1.45 < factor(after(*[1.5] * KEPT), "m", NOW) < 1.5
    assert 0.8 < factor(after(*[0.8] * KEPT), "m", NOW) < 0.82


def test_an_odd_one_changes_little() -> None:
    usual = after(1.1, 1.12, 1.09, 1.1, 1.11)
    odd = learned(usual, "m", GIB, 3 * GIB, NOW)
    assert abs(factor(odd, "m", NOW) - factor(usual, "m", NOW)) < 0.02


def test_a_change_is_believed_within_four_loads() -> None:
    assert factor(after(*[1.0] * KEPT, *[1.5] * 4), "m", NOW) > 1.4


def test_what_is_old_counts_less() -> None:
    known = after(1.5)
    assert factor(known, "m", NOW + HALF_LIFE_S) == pytest.approx(1.5 ** (0.5 / 0.75))
    assert factor(known, "m", NOW + 100 * HALF_LIFE_S) == pytest.approx(1.0)
    assert factor(known, "m", NOW + 1e6 * HALF_LIFE_S) == 1.0
    assert factor(known, "m", NOW - HALF_LIFE_S) == factor(known, "m", NOW)


@pytest.mark.parametrize(
    ("estimated", "measured"), [(0, GIB), (-GIB, GIB), (GIB, 0), (GIB, 5 * GIB), (GIB, GIB // 5)]
)
def test_what_cannot_be_of_this_load_is_left_out(estimated: int, measured: int) -> None:
    known = after(1.5)
    assert learned(known, "m", estimated, measured, NOW) is known


def test_it_is_bounded() -> None:
    known = after(*[1.0 + step / 100 for step in range(3 * KEPT)])
    assert len(known.models["m"]) == KEPT
    for number in range(MODELS_MOST):
        known = learned(known, f"m{number}", GIB, GIB, NOW + 1 + number)
    assert len(known.models) == MODELS_MOST
    assert "m" not in known.models
    assert "m0" in known.models


def test_it_is_kept(tmp_path: Path) -> None:
    first = KeptCorrections(tmp_path / FILE)
    for _ in range(3):
        first.measured("m", 10 * GIB, 12 * GIB, NOW)
    again = KeptCorrections(tmp_path / FILE)
    assert again.factor("m", NOW) == first.factor("m", NOW)
    assert math.isclose(again.factor("m", NOW), factor(after(1.2, 1.2, 1.2), "m", NOW))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"models": {"m": []}}',
        b'{"models": {"m": [[1e9, 0]]}}',
        b'{"models": {"m": [[1, null]]}}',
        b'{"models": {"m": [' + b",".join([b"[1, 0]"] * (KEPT + 1)) + b"]}}",
    ],
)
def test_a_corrupt_file_is_put_aside(
    content: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / FILE).write_bytes(content)
    known = KeptCorrections(tmp_path / FILE)
    assert known.factor("m", NOW) == 1.0
    assert "learning what models take begins anew" in caplog.text
    known.measured("m", GIB, GIB, NOW)
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_kept_says_which_form_it_has() -> None:
    assert Corrections({"m": [Measured(1.0, NOW)]}).version == 1
