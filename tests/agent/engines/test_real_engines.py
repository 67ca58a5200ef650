"""The engines themselves, where they are: each is started for a model, read, called, and ended; else skipped.

HERD_REAL_VLLM, _TRANSFORMERS, _DEEPSPEED, _HEADINFER and _KRASIS name a model's directory, HERD_REAL_SERVERLESSLLM the
URL of a cluster's head. Programs are looked for on PATH. The doubles stand in for them elsewhere; tests/engines runs
those that need torch on processors.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.building import Around, built
from agent.engines.kinds import BUILT_IN, KINDS
from agent.engines.wanted import wanted
from agent.supervision.launch import Launch, Rung
from agent.supervisor import Supervisor
from tests.fakes.doubles.running import behind_gateway, engine_session

NAMES = ("vllm", "transformers", "deepspeed", "headinfer", "krasis", "serverlessllm")


def told(name: str) -> str:
    """What --engine says of it. Skips the test where it cannot be had."""
    variable, kind = f"HERD_REAL_{name.upper()}", KINDS[name]
    what = os.environ.get(variable, "")
    if kind.launch is None:
        return f"{name}:url={what}" if what else pytest.skip(f"{variable} names no cluster")
    if shutil.which(kind.program) is None:
        pytest.skip(f"no {kind.program} on PATH: its contract is tested elsewhere")
    return f"{name}:model={what}" if what else pytest.skip(f"{variable} names no model")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", NAMES)
async def test_the_real_one_serves_as_its_double_does(tmp_path: Path, name: str) -> None:
    (want,) = wanted([told(name)], {}, KINDS, BUILT_IN)
    async with engine_session() as session:

        def supervise(name: str, launch: Callable[[Rung], Launch], **more: Any) -> Supervisor:
            return Supervisor(name, launch, tmp_path, session, **more)

        engine = built(want, KINDS[want.kind], Around(session, tmp_path, 10.0, supervise))
        await engine.start()
        try:
            report = await engine.look()
            assert report.up, report.reason
            model = report.models[0].name
            async with behind_gateway(engine, session) as door:
                status, _, body = await door.chat(model, stream=False, max_tokens=4)
                assert (status, "choices" in json.loads(body)) == (200, True), body
                status, kind, body = await door.chat(model, stream=True, max_tokens=4)
                assert (status, kind) == (200, "text/event-stream"), body
                assert body.endswith(b"data: [DONE]\n\n")
        finally:
            await engine.stop()
