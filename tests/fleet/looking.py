"""What tests of the dashboard look at: the file of traces, beats of nodes that nobody can reach, findings."""

from pathlib import Path
from typing import Any

from tests.fakes.traces import count
from tests.fakes.waiting import eventually
from tests.fleet.harness import Herd


def database(data_dir: Path) -> Path:
    return data_dir / "herd" / "latency.db"


async def traced(data_dir: Path, expected: int) -> None:
    """Waits until so many rows are in the file."""
    await eventually(lambda: count(database(data_dir)) >= expected)
    assert count(database(data_dir)) == expected


async def beat(herd: Herd, node_id: str, **fields: Any) -> None:
    """A heartbeat of a node that nobody can reach."""
    head = {"node_id": node_id, "epoch": 1, "seq": 1, "gateway_port": 9, "gateway_secret": "x" * 16}
    async with herd.session.post(herd.address + "/heartbeat", json=head | fields) as response:
        assert response.status == 200, await response.text()


async def refused(herd: Herd, path: str) -> str:
    """The text of a 400."""
    async with herd.session.get(herd.address + path) as response:
        assert response.status == 400, await response.text()
        error = (await response.json())["error"]
    assert isinstance(error, str)
    return error


def summed(found: list[dict[str, Any]]) -> tuple[int, int, int]:
    """Calls and tokens of all rows."""
    names = ("request_count", "total_prompt_tokens", "total_completion_tokens")
    calls, prompt, made = (sum(row[name] for row in found) for name in names)
    return calls, prompt, made


def checks(health: dict[str, Any], node_id: str | None = None) -> dict[str, str]:
    """Severities by check, of one node or of the fleet."""
    return {
        each["check_id"]: each["severity"] for each in health["recommendations"] if each["node_id"] == node_id
    }
