"""Which models a node should hold, with plain values."""

from typing import Any

import msgspec

from coordinator.advice.holdings import Holdings, holdings
from coordinator.advice.known_models import CATEGORIES, KNOWN, canonical, category, known
from coordinator.advice.recommend import recommendations
from coordinator.advice.use import ModelUse
from shared.names import normalise
from shared.wire import Disk, Engine, Gpu, Hardware, Memory, Replica
from tests.fakes.builders import GIB, a_model, an_engine
from tests.fakes.seen import a_node

NOW = 5_000_000.0


def machine(
    node_id: str = "n1", *models: Any, gib: float = 38.0, disk_gib: float = 500.0, **changes: Any
) -> Holdings:
    """Without a GPU; `gib` of memory, of which 6 are not for models."""
    size = int(gib * GIB)
    fields: dict[str, Any] = {
        "memory": Memory(total_bytes=size, available_bytes=size),
        "disk": Disk(total_bytes=1000 * GIB, available_bytes=int(disk_gib * GIB)),
    }
    engine = changes.pop("engine", an_engine(*models))
    return holdings(a_node(engine, node_id=node_id, **(fields | changes)))


def used(node_id: str, model: str, last_day: int, total: int = 100) -> ModelUse:
    return ModelUse(node_id, normalise(model), total, last_day, NOW - 60)


def advised(told: dict[str, Any], node_id: str = "n1") -> dict[str, dict[str, Any]]:
    """Recommendations of a node by model."""
    (node,) = [each for each in told["nodes"] if each["node_id"] == node_id]
    return {each["model"]: each for each in node["recommendations"]}


def test_the_table_is_consistent() -> None:
    names = [model.name for model in KNOWN]
    assert len(set(names)) == len(names)
    assert {model.category for model in KNOWN} == set(CATEGORIES)
    for model in KNOWN:
        assert ":" in model.name
        # Four to nine bits a weight, and half as much again for the parts that are never quantised.
        assert 0.4 < model.size_gb / model.params_b < 2.3, model.name
        assert known(model.name) is model


def test_categories_come_from_the_table_the_engine_or_the_name() -> None:
    assert category("llama3.1") == category("llama3.1:8b") == "general"
    assert canonical("llama3.1:latest") == canonical("llama3.1") == "llama3.1:8b"
    assert canonical("unheard-of") == "unheard-of:latest"
    assert category("some-model", frozenset({"embedding"})) == "embedding"
    assert category("some-model", frozenset({"embedding", "chat"})) == "general"
    assert category("deepseek-coder:33b") == "coding"
    assert category("some-model", frozenset({"chat", "vision"})) == "vision"


def test_room_is_where_models_live() -> None:
    host = machine(gib=38)
    assert (host.total, host.usable, host.largest) == (38 * GIB, 32 * GIB, 16 * GIB)
    assert machine(gib=4).usable == 0
    card = [Gpu(vram_total_bytes=20 * GIB, vram_free_bytes=GIB)] * 2
    discrete = machine(gpus=card)
    assert (discrete.total, discrete.usable) == (40 * GIB, 36 * GIB)
    unified = machine(gpus=card, hardware=Hardware(unified_memory=True))
    assert unified.usable == 32 * GIB


def test_an_empty_fleet_has_the_shape() -> None:
    told = recommendations([], [], NOW)
    assert told["nodes"] == []
    assert told["usage"] == {
        "total_requests_24h": 0,
        "category_breakdown": {},
        "top_models": [],
        "category_coverage": dict.fromkeys(CATEGORIES, False),
    }
    assert told["uncovered_categories"] == list(CATEGORIES)
    assert told["generated_at"] == NOW
    assert told["fleet_summary"].startswith("0 node(s)")


def test_a_node_without_models_is_advised_of_the_largest_that_fit() -> None:
    told = recommendations([machine()], [], NOW)
    (node,) = told["nodes"]
    found = advised(told)
    assert {each["category"] for each in found.values()} == set(CATEGORIES)
    assert found["gemma3:12b"]["priority"] == "low"
    assert not found["gemma3:12b"]["already_available"]
    assert found["gemma3:12b"]["quality_score"] is None
    assert all(each["ram_gb"] <= 16 for each in found.values())
    assert node["total_recommended_ram_gb"] <= node["usable_ram_gb"] == 32.0
    assert node["total_recommended_ram_gb"] + node["ram_headroom_gb"] == 32.0
    assert told["uncovered_categories"] == []


def test_what_is_used_stays_whatever_its_size() -> None:
    node = machine("n1", a_model("big:70b", gib=25), a_model("idle:1b", gib=1))
    told = recommendations([node], [used("n1", "big:70b", 12), used("n1", "idle:1b", 0)], NOW)
    entry = advised(told)["big:70b"]
    assert (entry["priority"], entry["already_available"], entry["ram_gb"]) == ("high", True, 30.0)
    assert "12" in entry["reason"]
    assert "idle:1b" not in advised(told)
    assert told["usage"]["total_requests_24h"] == 12
    assert told["usage"]["top_models"] == [{"model": "big:70b", "requests": 12, "category": "general"}]


def test_demand_goes_before_size_also_on_other_nodes() -> None:
    has = machine("n1", a_model("llama3.1:8b", gib=4.6))
    lacks = machine("n2", gib=30)
    told = recommendations([has, lacks], [used("n1", "llama3.1:8b", 40)], NOW)
    entry = advised(told, "n2")["llama3.1:8b"]
    assert (entry["priority"], entry["already_available"]) == ("medium", False)
    assert "40" in entry["reason"]
    assert "gemma3:12b" not in advised(told, "n2")


def test_one_model_with_two_names_is_one() -> None:
    node = machine("n1", a_model("llama3.1", gib=4.6))
    told = recommendations([node], [used("n1", "llama3.1", 3)], NOW)
    general = [name for name, each in advised(told).items() if each["category"] == "general"]
    assert general == ["llama3.1"]


def test_a_full_disk_and_an_engine_that_cannot_pull_allow_nothing_new() -> None:
    held = a_model("llama3.2:1b", gib=1.2)
    full = recommendations([machine("n1", held, disk_gib=10.5)], [], NOW)
    assert set(advised(full)) == {"llama3.2:1b", "nomic-embed-text:v1.5"}
    fixed = recommendations([machine("n1", engine=llamacpp(held))], [], NOW)
    assert set(advised(fixed)) == {"llama3.2:1b"}
    assert "coding" in fixed["uncovered_categories"]


def llamacpp(*models: Any) -> Engine:
    return msgspec.structs.replace(an_engine(*models), name="llamacpp", kind="llama.cpp")


def test_what_no_ollama_can_pull_is_recommended_only_where_it_is() -> None:
    """An owner's GGUF file, known to one machine; and the same name on an Ollama, which got it somewhere."""
    own = machine("n1", engine=llamacpp(a_model("my-finetune-q4", gib=4)))
    other = machine("n2", gib=30)
    asked = [used("n1", "my-finetune-q4", 50)]
    told = recommendations([own, other], asked, NOW)
    assert advised(told, "n1")["my-finetune-q4"]["already_available"]
    assert "my-finetune-q4" not in advised(told, "n2")
    assert "gemma3:12b" in advised(told, "n2")
    for ollama in ("n0", "n3"):  # in whatever order they come
        third = machine(ollama, a_model("my-finetune-q4", gib=4))
        both = recommendations(sorted([own, other, third], key=lambda each: each.node_id), asked, NOW)
        assert advised(both, "n2")["my-finetune-q4"]["priority"] == "medium"


def test_calls_of_the_guide_are_no_demand() -> None:
    guide = machine("n1", engine=llamacpp(a_model("herd-guide", gib=0.001)), gib=16)
    told = recommendations([guide, machine("n2")], [used("n1", "herd-guide", 50)], NOW)
    assert "herd-guide" not in advised(told, "n1") | advised(told, "n2")
    assert told["usage"]["top_models"] == []
    assert {each["priority"] for each in advised(told, "n2").values()} == {"low"}


def test_what_embeds_here_already_stays() -> None:
    node = machine("n1", a_model("nomic-embed-text", gib=0.3))
    found = advised(recommendations([node], [], NOW))
    assert found["nomic-embed-text"]["already_available"]
    assert "bge-m3:567m" not in found


def test_nodes_are_given_different_models_where_both_fit() -> None:
    told = recommendations([machine("n1"), machine("n2")], [], NOW)
    first, second = (
        {each["category"]: name for name, each in advised(told, node).items()} for node in ("n1", "n2")
    )
    assert first["general"] != second["general"]


def test_a_loaded_model_counts_with_what_it_takes() -> None:
    engine = an_engine(a_model("m", gib=2), replicas=[Replica(model="m", size_bytes=7 * GIB)])
    told = recommendations([machine("n1", engine=engine)], [used("n1", "m", 1)], NOW)
    assert advised(told)["m"]["ram_gb"] == 7.0
