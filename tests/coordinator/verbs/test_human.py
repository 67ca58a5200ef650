"""Sizes and times in words."""

from datetime import UTC, datetime

import pytest

from coordinator.verbs.human import ago, processor, short, size, span, until

NOW = datetime(2026, 8, 1, 12, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 KB"),
        (4_661_224_676, "4.7 GB"),
        (42_520_413_916, "43 GB"),
        (2e12, "2 TB"),
    ],
)
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "Less than a second"),
        (1, "1 second"),
        (59, "59 seconds"),
        (61, "About a minute"),
        (4 * 60 + 5, "4 minutes"),
        (3_700, "About an hour"),
        (30 * 3_600, "30 hours"),
        (5 * 86_400, "5 days"),
        (21 * 86_400, "3 weeks"),
        (300 * 86_400, "10 months"),
        (1_200 * 86_400, "3 years"),
    ],
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-07-17T12:00:00Z", "2 weeks ago"),
        ("2026-07-31T11:59:59.123456789+02:00", "26 hours ago"),
        ("2026-08-01T12:30:00Z", "30 minutes from now"),
        ("0001-01-01T00:00:00Z", "Never"),
        ("", "Never"),
    ],
)
def test_what_is_past(moment: str, words: str) -> None:
    assert ago(moment, NOW) == words


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("2026-08-01T12:04:10.5Z", "4 minutes from now"),
        ("2318-01-01T00:00:00Z", "Forever"),
        ("2026-08-01T11:00:00Z", "Stopping..."),
    ],
)
def test_what_is_to_come(moment: str, words: str) -> None:
    assert until(moment, NOW) == words


@pytest.mark.parametrize(
    ("size_bytes", "vram", "words"),
    [(100, 100, "100% GPU"), (100, 0, "100% CPU"), (100, 52, "48%/52% CPU/GPU"), (0, 0, "Unknown")],
)
def test_where_a_model_lives(size_bytes: int, vram: int, words: str) -> None:
    assert processor(size_bytes, vram) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "-"), (4.9, "4s"), (192, "3m12s"), (18_600, "5h10m"), (12 * 86_400, "12d"), (-1, "0s")],
)
def test_ages(seconds: float | None, words: str) -> None:
    assert short(seconds) == words
