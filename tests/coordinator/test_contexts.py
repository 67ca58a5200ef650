"""Contexts chosen from what calls used, as a store really wrote it; and what an operator set."""

import os
import time
from pathlib import Path

import msgspec
import pytest

from coordinator.config import Settings
from coordinator.contexts import Contexts
from coordinator.core.call import Placed, Tokens
from coordinator.trace_reader import TraceReader
from coordinator.trace_reports import TraceReports
from shared.names import normalise
from shared.settings import SettingsError, resolve
from tests.fakes.builders import MODEL, a_beat, a_call, a_desk, a_model, a_replica, an_engine
from tests.fakes.traces import a_trace, storing

NAME = normalise(MODEL)
NOWHERE = {"FLEET_ENV_FILE": os.devnull, "FLEET_CONFIG_FILE": os.devnull}
LARGE = an_engine(a_model(), a_model("cold"), replicas=[a_replica(context=131_072)])


def _reports(path: Path, count: int = 60) -> TraceReports:
    with storing(path, days=0) as store:
        for _ in range(count):
            store.record(a_trace(model=NAME, tokens=Tokens(1000, 200)))
        cut = a_trace(model=NAME, tokens=Tokens(131_072, 5))
        store.record(msgspec.structs.replace(cut, context_overflow="prompt_tokens=131072"))
        store.record(a_trace(model=NAME, tokens=Tokens(None, None)))
        store.record(a_trace(model=NAME, status="failed", tokens=Tokens(90_000, 0)))
    return TraceReports(TraceReader(path))


async def test_a_waste_is_found_and_named_to_calls_that_name_nothing(tmp_path: Path) -> None:
    desk = a_desk(a_beat("n1", LARGE))
    contexts = Contexts(desk, _reports(tmp_path / "latency.db"), {}, dynamic=True, calculate=True)
    await contexts.look(first=True)
    assert desk.fleet.overrides == {NAME: 4096}
    (shown,) = contexts.shown(contexts.uses(7))
    assert (shown["allocated_ctx"], shown["override_ctx"], shown["request_count"]) == (131_072, 4096, 60)
    (placed,) = desk.arrived(a_call(), 1.0)
    assert isinstance(placed, Placed)
    assert placed.placement.protection.num_ctx == 131_072, "loaded: it is not loaded anew for that"


async def test_nothing_is_chosen_over_an_operator_or_while_it_is_off(tmp_path: Path) -> None:
    reports = _reports(tmp_path / "latency.db")
    desk = a_desk(a_beat("n1", LARGE))
    await Contexts(desk, reports, {NAME: 65_536}, dynamic=True, calculate=True).look(first=True)
    assert desk.fleet.overrides == {NAME: 65_536}
    off = a_desk(a_beat("n1", LARGE))
    await Contexts(off, reports, {NAME: 65_536}, dynamic=False, calculate=True).look(first=True)
    assert off.fleet.overrides == {}
    few = a_desk(a_beat("n1", LARGE))
    await Contexts(few, _reports(tmp_path / "few.db", 49), {}, dynamic=True, calculate=True).look(first=True)
    assert few.fleet.overrides == {}


async def test_a_file_that_cannot_be_read_changes_nothing(tmp_path: Path) -> None:
    desk = a_desk(a_beat("n1", LARGE))
    reports = TraceReports(TraceReader(tmp_path / "none.db"))
    contexts = Contexts(desk, reports, {NAME: 8192}, dynamic=True, calculate=True)
    await contexts.look(first=True)
    assert desk.fleet.overrides == {NAME: 8192}


def test_overrides_are_set_by_name() -> None:
    text = "llama3.2=8192, qwen3:8b=4096"
    settings = resolve(Settings, "FLEET_", {}, NOWHERE | {"FLEET_NUM_CTX_OVERRIDES": text}).values
    assert settings.contexts() == {normalise("llama3.2"): 8192, normalise("qwen3:8b"): 4096}
    for wrong in ("llama3.2", "llama3.2=", "=8192", "m=-1", "m=0", "m=lots", "m=123456789"):
        with pytest.raises(SettingsError, match="model=tokens"):
            resolve(Settings, "FLEET_", {}, NOWHERE | {"FLEET_NUM_CTX_OVERRIDES": wrong})


def test_ten_thousand_calls_are_summed_up_in_a_moment(tmp_path: Path) -> None:
    reports = _reports(tmp_path / "latency.db", 10_000)
    started = time.perf_counter()
    (use,) = reports.contexts(7, time.time())
    assert len(use.totals) == 10_000
    print(f"10,000 calls in {1000 * (time.perf_counter() - started):.0f} ms, off the loop")  # noqa: T201
