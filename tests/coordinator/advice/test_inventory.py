"""/dashboard/api/model-management, with plain values."""

from coordinator.advice.holdings import holdings
from coordinator.advice.inventory import inventory
from coordinator.advice.use import ModelUse
from shared.names import normalise
from shared.wire import Disk, Model, Replica
from tests.fakes.builders import GIB, an_engine
from tests.fakes.seen import a_node

NOW = 10_000_000.0
DAY_S = 86_400.0


def test_models_their_sizes_and_their_use() -> None:
    big = Model(name="big:70b", size_bytes=40 * GIB, parameter_size="70B", quantization="Q4_K_M")
    small, never = Model(name="small", size_bytes=GIB // 2), Model(name="never", size_bytes=GIB)
    node = a_node(
        an_engine(never, small, big, replicas=[Replica(model="big:70b", size_bytes=44 * GIB)]),
        disk=Disk(total_bytes=100 * GIB, available_bytes=30 * GIB),
    )
    use = [
        ModelUse("n1", normalise("small"), 5, 0, NOW - 8 * DAY_S),
        ModelUse("n1", normalise("big:70b"), 7, 7, NOW - DAY_S / 2),
        ModelUse("n2", normalise("never"), 9, 9, NOW),
    ]
    (told,) = inventory([holdings(node)], use, NOW)["nodes"]
    assert [model["name"] for model in told["models"]] == ["big:70b", "small", "never"]
    first, second, third = told["models"]
    assert first == {
        **{"name": "big:70b", "display_name": "big:70b", "category": "general", "engine": "ollama"},
        **{"size_gb": 40.0, "parameter_size": "70B", "quantization": "Q4_K_M", "total_requests": 7},
        **{"last_used": NOW - DAY_S / 2, "days_unused": 0.5, "loaded_in_vram": True, "unused": False},
    }
    assert (second["size_gb"], second["days_unused"], second["unused"]) == (0.5, 8.0, True)
    assert (third["last_used"], third["days_unused"], third["total_requests"]) == (None, None, 0)
    assert third["unused"]
    assert (told["total_size_gb"], told["disk_available_gb"], told["disk_total_gb"]) == (41.5, 30.0, 100.0)


def test_no_nodes_and_no_models() -> None:
    assert inventory([], [], NOW) == {"nodes": []}
    (told,) = inventory([holdings(a_node(an_engine(), disk=Disk()))], [], NOW)["nodes"]
    assert (told["models"], told["total_size_gb"], told["disk_total_gb"]) == ([], 0.0, 0.0)


def test_a_replica_of_a_model_that_is_not_listed_is_shown() -> None:
    node = a_node(an_engine(replicas=[Replica(model="m", size_bytes=GIB)]))
    (told,) = inventory([holdings(node)], [], NOW)["nodes"]
    assert [(model["name"], model["loaded_in_vram"]) for model in told["models"]] == [("m:latest", True)]
