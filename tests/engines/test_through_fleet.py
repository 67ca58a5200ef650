"""HeadInfer's and DeepSpeed's workers as a node of a fleet has them: callers see no difference, in either dialect."""

import json
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.engines.started import NAME, Tiny, gone
from tests.engines.tiny_model import CHAT, CONTEXT, NEW_TOKENS
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd, herd, node

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]
START_S = 180.0
MESSAGES = [{"role": "user", "content": CHAT}]


def engines_toml(kind: str, options: dict[str, Any]) -> str:
    """One section."""
    plain = {name: value for name, value in options.items() if name != "environment"}
    lines = [f"[{kind}]", *(f"{name} = {json.dumps(value)}" for name, value in plain.items())]
    more = [f"{name} = {json.dumps(value)}" for name, value in options["environment"].items()]
    return "\n".join([*lines, f"[{kind}.environment]", *more, ""])


async def asked(coordinator: Herd, path: str, body: dict[str, Any]) -> Any:
    async with coordinator.session.post(coordinator.address + path, json={"model": NAME} | body) as answer:
        text = await answer.text()
        assert answer.status == 200, text
        return json.loads(text) if not body["stream"] else text


@pytest.mark.parametrize("kind", ["headinfer", "deepspeed"])
async def test_callers_have_it_in_both_dialects(kind: str, tiny: Tiny, tmp_path: Path) -> None:
    (tmp_path / "n").mkdir()
    (tmp_path / "n" / "engines.toml").write_text(engines_toml(kind, tiny.options(device="cpu", threads=1)))
    async with (
        herd(tmp_path) as coordinator,
        node(tmp_path, coordinator.address, "n", engine=kind) as agent,
    ):

        async def there() -> bool:
            nodes = await coordinator.nodes()
            return "n" in nodes and any(each["up"] for each in nodes["n"]["engines"])

        await eventually(there, START_S, 0.2)
        bound = {"max_tokens": NEW_TOKENS, "temperature": 0}
        openai = {"messages": MESSAGES, "stream": False} | bound
        told = await asked(coordinator, "/v1/chat/completions", openai)
        assert told["choices"][0]["message"]["content"] == tiny.chat
        text = await asked(coordinator, "/v1/chat/completions", openai | {"stream": True})
        assert text.endswith("data: [DONE]\n\n")
        options = {"num_predict": NEW_TOKENS, "temperature": 0}
        told = await asked(
            coordinator, "/api/chat", {"messages": MESSAGES, "stream": False, "options": options}
        )
        assert told["message"]["content"] == tiny.chat
        assert (told["prompt_eval_count"], told["eval_count"]) == (len(CHAT.split()) + 1, NEW_TOKENS)
        long = {"prompt": "w3 " * CONTEXT, "stream": False, "model": NAME}
        async with coordinator.session.post(f"{coordinator.address}/v1/completions", json=long) as answer:
            assert (answer.status, "context_length_exceeded" in await answer.text()) == (400, True)
        tree = psutil.Process(agent.pid).children(recursive=True)
        assert tree
        agent.signal(signal.SIGKILL)
        await eventually(lambda: all(gone(each) for each in tree), 10.0)
