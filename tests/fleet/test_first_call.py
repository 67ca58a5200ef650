"""The shortest whole flow: a call in each dialect through coordinator, gateway and the real llama.cpp."""

from pathlib import Path

import pytest

from tests.fleet.harness import real_fleet

pytestmark = pytest.mark.real_engine


async def test_each_dialect_gets_an_answer_from_a_real_engine(tmp_path: Path) -> None:
    async with real_fleet(tmp_path) as herd:
        chat = {"model": "herd-random", "messages": [{"role": "user", "content": "hello"}]}
        async with herd.session.post(
            f"{herd.address}/v1/chat/completions", json=chat | {"max_tokens": 5}
        ) as response:
            assert response.status == 200
            assert response.headers["X-Fleet-Node"] == "node-1"
            assert (await response.json())["usage"]["completion_tokens"] == 5
        options = {"stream": False, "options": {"num_predict": 5}}
        async with herd.session.post(f"{herd.address}/api/chat", json=chat | options) as response:
            answer = await response.json()
            assert response.status == 200, answer
            assert answer["done"] is True
            assert answer["done_reason"] == "length"
            assert answer["eval_count"] == 5
            assert answer["message"]["content"].strip()
