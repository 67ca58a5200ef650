"""Places on the bus, generations of PCIe, and how often links are asked about."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from agent.sensors.links import bus_address, generation_of, grouped, nvlinks, pcie
from shared.wire import GpuLink, Pcie


@pytest.mark.parametrize(
    ("told", "place"),
    [
        ("00000000:1A:00.0", "0000:1a:00.0"),
        (b"00000001:C1:00.0", "0001:c1:00.0"),
        ("0000:03:00.1", "0000:03:00.1"),
        ("", ""),
        (None, ""),
        (b"\xff\xff", ""),
        ("somewhere", ""),
    ],
)
def test_a_place_is_written_as_linux_writes_it(told: str | bytes | None, place: str) -> None:
    assert bus_address(told) == place


@pytest.mark.parametrize(
    ("generation", "width", "expected"),
    [
        (4, 16, Pcie(generation=4, width=16)),
        (None, 16, None),
        (4, None, None),
        (0, 16, None),
        (4, 2**32 - 1, None),
    ],
)
def test_a_connection_needs_both_numbers(
    generation: int | None, width: int | None, expected: Pcie | None
) -> None:
    assert pcie(generation, width) == expected


@pytest.mark.parametrize(
    ("speed", "generation"),
    [
        ("2.5 GT/s PCIe", 1),
        ("16.0 GT/s PCIe", 4),
        ("64.0 GT/s PCIe", 6),
        ("Unknown", None),
        ("1..2 GT/s", None),
    ],
)
def test_a_generation_by_its_speed(speed: str, generation: int | None) -> None:
    assert generation_of(speed) == generation


def test_links_are_grouped_by_peer() -> None:
    assert grouped(["b", "a", "b"]) == [
        GpuLink(kind="nvlink", peer="a", count=1),
        GpuLink(kind="nvlink", peer="b", count=2),
    ]
    assert grouped([]) == []


def test_a_card_without_links_is_asked_once() -> None:
    asked: list[int] = []
    nvml: Any = SimpleNamespace(
        NVML_NVLINK_MAX_LINKS=36, nvmlDeviceGetNvLinkState=None, NVML_FEATURE_ENABLED=1
    )

    def ask(_function: Callable[..., Any], link: int) -> None:
        asked.append(link)

    assert nvlinks(nvml, ask) is None
    assert asked == [0]
