"""Every line that README offers to try, unchanged, by a shell: real curl, real sqlite3, the ports that people have."""

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.control import FakeEngine
from tests.fakes.waiting import eventually
from tests.fleet.harness import REPOSITORY, TURNS
from tests.lan.conftest import unavailable
from tests.lan.lab import Host, Lab
from tests.lan.programs import OLLAMA_PORT, agent, coordinator, online

pytestmark = pytest.mark.alone

NODE = "laptop"
MODEL = "llama3.2"
SHARES = {
    *("thermal", "memory_fit", "queue_depth", "wait_time"),
    *("role_affinity", "availability_trend", "context_fit", "total"),
}
ENOUGH = 11
"""Calls of one model, so that the last line has something to show."""
WRITTEN_S = 5.0


@pytest.fixture(autouse=True)
def _tools() -> None:
    """What the lines call."""
    if missing := [tool for tool in ("bash", "curl", "sqlite3") if not shutil.which(tool)]:
        unavailable(f"no program {' and no '.join(missing)}")


def lines_of_readme() -> list[str]:
    """In their order."""
    section = (REPOSITORY / "README.md").read_text().partition("## Lines to try")[2].partition("\n## ")[0]
    return [line for line in section.splitlines() if line.startswith(("curl ", "sqlite3 "))]


@dataclass
class Shell:
    """A person's shell on the host, and what the lines before said."""

    host: Host
    said: dict[str, str] = field(default_factory=dict)

    async def run(self, line: str) -> str:
        """What the line prints."""
        printed = await self.host.namespace.run("env", f"HOME={self.host.home}", "bash", "-c", line)
        self.said[line] = printed
        return printed


@contextlib.asynccontextmanager
async def a_laptop(directory: Path) -> AsyncIterator[Shell]:
    """One machine without a network: an Ollama, `herd` and `herd-node`, all on their usual ports."""
    async with Lab.open(directory) as lab, contextlib.AsyncExitStack() as stack:
        host = await lab.host(NODE)
        await stack.enter_async_context(
            FakeEngine.run(
                [f"{MODEL}:latest", "nomic-embed-text:latest"],
                loaded=[f"{MODEL}:latest"],
                name=NODE,
                port=OLLAMA_PORT,
                inside=host.namespace.enter,
                connector=host.connector(),
            )
        )
        herd = await stack.enter_async_context(coordinator(host, address="127.0.0.1"))
        await stack.enter_async_context(agent(host))
        await eventually(lambda: online(herd), 10)
        yield Shell(host)


def is_status(printed: str) -> None:
    [node] = json.loads(printed)["nodes"]
    assert (node["node_id"], node["status"]) == (NODE, "online")
    assert [model["name"] for model in node["ollama"]["models_loaded"]] == [f"{MODEL}:latest"]


def is_queue(printed: str) -> None:
    assert json.loads(printed)["nodes_online"] == 1


def is_explained(printed: str) -> None:
    answer = json.loads(printed)
    assert (answer["policy"], answer["outcome"], answer["chosen"]) == (TURNS, "placed", NODE)
    [candidate] = answer["candidates"]
    assert set(candidate["scores_breakdown"]) >= SHARES


def is_context_usage(printed: str) -> None:
    answer = json.loads(printed)
    assert answer["days"] == 7
    assert [row["model"] for row in answer["models"]] in ([], [f"{MODEL}:latest"])


def names_models(printed: str) -> None:
    names = {model["name"] for model in json.loads(printed)["models"]}
    assert names == {f"{MODEL}:latest", "nomic-embed-text:latest"}


def names_loaded(printed: str) -> None:
    assert [model["name"] for model in json.loads(printed)["models"]] == [f"{MODEL}:latest"]


def lists_ids(printed: str) -> None:
    assert f"{MODEL}:latest" in {model["id"] for model in json.loads(printed)["data"]}


def streams_ollama(printed: str) -> None:
    lines = [json.loads(line) for line in printed.splitlines()]
    assert "".join(line["message"]["content"] for line in lines)
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]


def is_ollama(printed: str) -> None:
    answer = json.loads(printed)
    assert answer["done"]
    assert answer["message"]["content"]
    assert answer["eval_count"] > 0


def is_openai(printed: str) -> None:
    answer = json.loads(printed)
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"]["content"]
    assert answer["usage"]["completion_tokens"] > 0


def streams_openai(printed: str) -> None:
    events = [line.removeprefix("data: ") for line in printed.splitlines() if line]
    assert events[-1] == "[DONE]"
    assert all(json.loads(event)["object"] == "chat.completion.chunk" for event in events[:-1])


def is_traces(printed: str) -> None:
    rows = json.loads(printed)
    rows = rows["traces"] if isinstance(rows, dict) else rows
    assert 0 < len(rows) <= 5
    newest = rows[0]
    assert (newest["model"], newest["original_model"]) == (f"{MODEL}:latest", "llama3.3:70b")
    assert newest["fallback_used"]
    assert newest["node_id"] == NODE
    assert set(newest["scores_breakdown"]) >= SHARES


def is_health(printed: str) -> None:
    report = json.loads(printed)
    assert set(report) >= {"vitals", "recommendations", "checked_at"}
    assert (report["vitals"]["nodes_total"], report["vitals"]["nodes_online"]) == (1, 1)
    assert report["vitals"]["total_requests_24h"] > 0


def is_advice(printed: str) -> None:
    [node] = json.loads(printed)["nodes"]
    assert node["node_id"] == NODE
    assert {"recommendations", "current_models", "usable_ram_gb"} <= set(node)


def is_usage(printed: str) -> None:
    answer = json.loads(printed)
    rows: list[dict[str, Any]] = answer if isinstance(answer, list) else answer["data"]
    assert sum(row["completed"] for row in rows if row["node_id"] == NODE) >= ENOUGH
    assert all(row["total_completion_tokens"] > 0 for row in rows)


def manages_models(printed: str) -> None:
    answer = json.loads(printed)
    [node] = answer if isinstance(answer, list) else answer["nodes"]
    loaded = {model["name"]: model["loaded_in_vram"] for model in node["models"]}
    assert loaded == {f"{MODEL}:latest": True, "nomic-embed-text:latest": False}


def went_well(printed: str) -> None:
    answer = json.loads(printed)
    assert "error" not in answer, answer


def is_last_score(printed: str) -> None:
    [row] = printed.splitlines()
    _, model, node, score, breakdown = row.split("|", 4)
    assert (model, node) == (f"{MODEL}:latest", NODE)
    assert json.loads(breakdown)["total"] == float(score)
    assert set(json.loads(breakdown)) >= SHARES


def is_speed(printed: str) -> None:
    [row] = printed.splitlines()
    node, model, calls, _, tokens_per_second = row.split("|")
    assert (node, model) == (NODE, f"{MODEL}:latest")
    assert int(calls) >= ENOUGH
    assert float(tokens_per_second) > 0


EXPECTED: list[tuple[str, Callable[[str], None]]] = [
    (r"/fleet/status$", is_status),
    (r"/fleet/queue$", is_queue),
    (r"/fleet/explain ", is_explained),
    (r"/api/tags$", names_models),
    (r"/api/ps$", names_loaded),
    (r"/v1/models$", lists_ids),
    (r"/api/chat .*\"stream\": false", is_ollama),
    (r"/api/chat ", streams_ollama),
    (r"/v1/chat/completions .*\"stream\": true", streams_openai),
    (r"/v1/chat/completions .*fallback_models", is_openai),
    (r"/v1/chat/completions ", is_openai),
    (r"/dashboard/api/traces", is_traces),
    (r"/dashboard/api/health$", is_health),
    (r"/dashboard/api/recommendations$", is_advice),
    (r"/dashboard/api/usage", is_usage),
    (r"/dashboard/api/context-usage", is_context_usage),
    (r"/dashboard/api/model-management$", manages_models),
    (r"/dashboard/api/pull ", went_well),
    (r"/dashboard/api/delete ", went_well),
    (r"^sqlite3 .*scores_breakdown", is_last_score),
    (r"^sqlite3 .*AVG", is_speed),
]


def expectation(line: str) -> Callable[[str], None]:
    """What the line must print; a line without one fails."""
    return next(check for pattern, check in EXPECTED if re.search(pattern, line))


async def enough_is_written(shell: Shell) -> None:
    """Calls of one model, and all rows in the file: the lines that look back need something to see."""
    chat = next(line for line in lines_of_readme() if "/api/chat" in line)
    await asyncio.gather(*(shell.host.namespace.run("bash", "-c", chat) for _ in range(ENOUGH)))
    database = shell.host.home / ".fleet-manager" / "latency.db"

    async def written() -> bool:
        counted = "SELECT COUNT(*) FROM request_traces"
        return int(await shell.host.namespace.run("sqlite3", str(database), counted)) >= ENOUGH

    await eventually(written, WRITTEN_S, 0.1)


async def test_every_line_prints_what_it_should(tmp_path: Path) -> None:
    lines = lines_of_readme()
    assert len(lines) == len(EXPECTED)
    async with a_laptop(tmp_path) as shell:
        await enough_is_written(shell)
        for line in lines:
            check = expectation(line)
            if check is is_traces:
                await eventually(partial(shows_the_fallback, shell, line), WRITTEN_S, 0.1)
            try:
                check(await shell.run(line))
            except (AssertionError, ValueError, KeyError, TypeError) as error:
                raise AssertionError(f"{line}\nprinted {shell.said.get(line)!r}") from error


async def shows_the_fallback(shell: Shell, line: str) -> bool:
    """The last call before is in the file."""
    return "llama3.3:70b" in await shell.run(line)
