"""Onto which nodes a model is pulled, and how far each is."""

from typing import Any

import pytest

from coordinator.verbs.pull_plan import Impossible, Plan, Pulled, planned


def node(
    node_id: str, *models: str, free_gb: float = 10, kind: str = "ollama", **changes: Any
) -> dict[str, Any]:
    """As /fleet/status has it, as far as it is looked at."""
    engine = {"kind": kind, "up": True, "models": [{"name": name} for name in models]}
    state = {"status": "online", "cordoned": False, "draining": False}
    return {"node_id": node_id, "disk": {"available_gb": free_gb}, "engines": [engine]} | state | changes


FLEET = [node("a", "m:latest", free_gb=1), node("b", free_gb=5), node("c", free_gb=9)]


@pytest.mark.parametrize(
    ("model", "wish", "plan"),
    [
        ("m", {}, Plan(["a"], [])),
        ("new", {}, Plan([""], [])),
        ("new", {"replicas": 2}, Plan(["c", "b"], [])),
        ("m", {"replicas": 2}, Plan(["c"], ["a"])),
        ("m", {"replicas": 1}, Plan([], ["a"])),
        ("m", {"everywhere": True}, Plan(["a", "c", "b"], [])),
        ("m", {"named": ("b", "b", "nobody")}, Plan(["b", "nobody"], [])),
    ],
)
def test_who_pulls(model: str, wish: dict[str, Any], plan: Plan) -> None:
    assert planned(FLEET, model, **wish) == plan


@pytest.mark.parametrize(
    "change", [{"status": "offline"}, {"cordoned": True}, {"draining": True}, {"engines": []}]
)
def test_who_does_not(change: dict[str, Any]) -> None:
    assert planned([node("a", **change), node("b")], "m", everywhere=True) == Plan(["b"], [])


def test_what_cannot_be() -> None:
    with pytest.raises(Impossible, match="4 replicas are asked for, and 3 nodes could have one"):
        planned(FLEET, "m", replicas=4)
    with pytest.raises(Impossible, match="no node with an Ollama is ready"):
        planned([node("a", kind="llama.cpp")], "m")


def test_progress_is_of_all_parts() -> None:
    pulled = Pulled("a")
    for line in (
        {"status": "pulling manifest"},
        {"status": "pulling 1", "digest": "1", "total": 300},
        {"status": "pulling 1", "digest": "1", "total": 300, "completed": 150},
        {"status": "pulling 2", "digest": "2", "total": 100, "completed": 50},
    ):
        pulled.feed(line)
    assert (pulled.completed, pulled.total, pulled.percent, pulled.done) == (200, 400, 50, False)
    pulled.feed({"status": "success"})
    assert (pulled.percent, pulled.done) == (100, True)
