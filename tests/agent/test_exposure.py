"""At which addresses of its machine an engine answers, from plain values; and what a beat tells of it."""

from pathlib import Path

import pytest
from msgspec import json

from agent.exposure import Answers, alike, at, candidates, open_at
from agent.report import Reporter
from agent.sensors.gpu import GpuSensor
from agent.sensors.host import HostSensor
from shared.interfaces import Address
from shared.wire import OPEN_AT_MOST, Engine
from tests.fakes.builders import an_engine


def said(**told: object) -> bytes:
    return json.encode(told)


def models(*ids: str, created: int = 1) -> bytes:
    return said(object="list", data=[{"id": each, "created": created, "owned_by": "vllm"} for each in ids])


def test_addresses_are_those_that_others_can_come_in_by() -> None:
    found = candidates(
        [
            Address("docker0", 5, "172.17.0.1", 16),
            Address("eth0", 2, "192.168.1.7", 24),
            Address("eth0", 2, "fe80::1", 64),
            Address("eth0", 2, "fd00::7", 64),
            Address("eth0", 2, "169.254.3.4", 16),
            Address("wlan0", 3, "192.168.1.8", 24),
        ]
    )
    assert found == ["192.168.1.7", "192.168.1.8", "172.17.0.1", "fd00::7"]


def test_they_are_bounded_as_the_beat_is() -> None:
    many = [Address(f"br{number}", number, f"172.18.{number}.1", 24) for number in range(100)]
    assert candidates(many) == [f"172.18.{number}.1" for number in range(OPEN_AT_MOST)]


@pytest.mark.parametrize(
    ("url", "ip", "there"),
    [
        ("http://localhost:11434", "192.168.1.7", "http://192.168.1.7:11434"),
        ("http://[::1]:8000", "fd00::7", "http://[fd00::7]:8000"),
        ("https://127.0.0.1/llm", "10.0.0.1", "https://10.0.0.1/llm"),
    ],
)
def test_the_same_url_at_another_address(url: str, ip: str, there: str) -> None:
    assert at(url, ip) == there


@pytest.mark.parametrize(
    ("kind", "home", "there", "same"),
    [
        ("ollama", said(version="0.30.0"), said(version="0.30.0"), True),
        ("ollama", said(version="0.30.0"), said(version="0.29.0"), False),
        ("ollama", said(version="0.30.0"), said(version="0.30.0", herd_version="0.1.0"), False),
        ("ollama", said(version=""), said(version=""), False),
        ("ollama", b"Ollama is running", b"Ollama is running", False),
        ("ollama", b"[" * 100_000, b"[" * 100_000, False),
        ("vllm", models("a", "b"), models("b", "a", created=2), True),
        ("vllm", models("a"), models("a", "b"), False),
        ("vllm", said(data=[]), said(data=[]), False),
        ("vllm", said(data="x"), said(data="x"), False),
        ("vllm", said(error="no"), said(error="no"), False),
        ("serverlessllm", said(models=["a"]), said(models=["a"]), True),
        ("serverlessllm", said(models=["a"]), said(models=["b"]), False),
    ],
)
def test_only_the_engine_itself_counts(kind: str, home: bytes, there: bytes, same: bool) -> None:
    assert alike(kind, home, there) is same


def test_what_was_known_stays_while_it_is_too_busy_to_answer() -> None:
    it, other = said(version="0.30.0"), said(version="0.1.0")
    assert open_at("ollama", it, Answers({"a": it, "b": other}), ["b", "c"]) == ["a"]
    assert open_at("ollama", it, Answers({"a": it}, frozenset({"b", "c"})), ["b"]) == ["a", "b"]
    assert open_at("ollama", None, Answers({"a": it}, frozenset({"b"})), ["a", "b", "c"]) == ["a", "b"]
    assert open_at("ollama", None, Answers({"a": it}), []) == []


class Looked:
    """An engine that tells what a test says."""

    name = "ollama"

    def __init__(self, report: Engine) -> None:
        self.report = report

    async def look(self) -> Engine:
        """It."""
        return self.report


async def test_a_beat_tells_it_and_of_one_that_went_down_no_more(tmp_path: Path) -> None:
    engine = Looked(an_engine())

    def adjusted(report: Engine) -> Engine:
        return an_engine(version="0.30.0", open_at=["192.168.1.7"]) if report.up else report

    reporter = Reporter(
        *("n", 1, "a-secret-of-the-test", "", HostSensor(tmp_path, measure_memory=False), GpuSensor()),
        *([engine], lambda: False),  # type: ignore[arg-type]
        adjusted=adjusted,
    )
    assert (await reporter.beat(9)).engines[0].open_at == ["192.168.1.7"]
    engine.report = an_engine(up=False, reason="connection refused")
    (gone,) = (await reporter.beat(9)).engines
    assert (gone.up, gone.version, gone.open_at) == (False, "0.30.0", [])
