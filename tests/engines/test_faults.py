"""Starts that cannot go well, with the real packages: what is said of them, and what follows."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from agent.building import Around, built
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.wanted import wanted
from agent.supervision.kinds import Kind
from agent.supervision.launch import Rung
from agent.supervisor import Supervisor
from tests.engines.started import Tiny
from tests.fakes.doubles.running import engine_session

pytestmark = [pytest.mark.engines, pytest.mark.timeout(300)]


async def failed(kind: str, directory: Path, options: dict[str, Any]) -> Supervisor:
    """One that could not be started."""
    (want,) = wanted(["it"], {"it": {"kind": kind, **options}}, KINDS, BUILT_IN)
    supervisors = []
    async with engine_session() as session:

        def supervise(name: str, launch: Any, **told: Any) -> Supervisor:
            supervisors.append(Supervisor(name, launch, directory, session, **told))
            return supervisors[-1]

        engine = built(want, KINDS[kind], Around(session, directory, 10.0, supervise))
        await engine.start()
        assert engine.url is None
        await engine.stop()
    return supervisors[0]


@pytest.mark.parametrize("kind", ["deepspeed", "headinfer"])
async def test_damaged_weights_are_not_tried_again(kind: str, tiny: Tiny, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(tiny.directory, damaged)
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
    supervisor = await failed(kind, tmp_path, tiny.options(device="cpu", model=str(damaged)))
    (event,) = supervisor.events.all()
    assert (event.kind, event.rung) == (Kind.MODEL, Rung.AS_IT_WAS), event
    assert supervisor.quarantined
    assert f"{kind} worker: cannot serve {damaged}: SafetensorError" in supervisor.reason


async def test_a_model_that_is_not_there(tiny: Tiny, tmp_path: Path) -> None:
    supervisor = await failed("headinfer", tmp_path, tiny.options(device="cpu", model="/no/model"))
    assert (supervisor.events.all()[0].kind, supervisor.quarantined) == (Kind.MODEL, True)


async def test_a_python_without_torch(tiny: Tiny, tmp_path: Path) -> None:
    supervisor = await failed("headinfer", tmp_path, tiny.options(python=sys.executable))
    assert (supervisor.events.all()[0].kind, supervisor.quarantined) == (Kind.CONFIGURATION, True)
    assert "No module named 'torch'" in supervisor.reason


async def test_settings_that_exclude_each_other(tiny: Tiny, tmp_path: Path) -> None:
    supervisor = await failed(
        "deepspeed", tmp_path, tiny.options(device="cpu", zero="cpu", tensor_parallel=2)
    )
    assert (supervisor.events.all()[0].kind, supervisor.quarantined) == (Kind.CONFIGURATION, True)
