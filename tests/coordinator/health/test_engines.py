"""Engines that face the network or have known holes: findings, and the same in a few words."""

from msgspec.structs import replace

from coordinator.core.node import Standing
from coordinator.health.engine_checks import unsafe
from coordinator.health.report import findings_of
from shared.wire import Engine
from tests.fakes.builders import a_model, a_replica, an_engine
from tests.fakes.seen import ONLINE, a_node, a_snapshot, found, the

LOST = Standing("offline", "lost", "no heartbeat for 60 s")


def ollama(**fields: object) -> Engine:
    loaded = [a_replica(name) for name in "abc"]
    return replace(an_engine(*map(a_model, "abc"), replicas=loaded, version="0.30.0"), **fields)


def test_an_ollama_that_faces_the_network() -> None:
    node = a_node(ollama(open_at=["192.168.1.7"]), node_id="laptop")
    assert found(a_snapshot(node)) == {"engine_open": "warning"}
    finding = the(a_snapshot(node), "engine_open")
    assert finding.title == "On laptop: the Ollama faces the network at 192.168.1.7"
    assert finding.node_id == "laptop"
    assert finding.command == "sudo systemctl edit ollama && sudo systemctl restart ollama"


def test_a_hole_is_broken_where_the_network_reaches_it() -> None:
    assert found(a_snapshot(a_node(ollama(version="0.1.20")))) == {"engine_hole": "warning"}
    node = a_node(ollama(version="0.1.20", open_at=["192.168.1.7"]))
    assert found(a_snapshot(node)) == {"engine_hole": "critical", "engine_open": "warning"}
    assert the(a_snapshot(node), "engine_hole").title.startswith("On n1: Ollama 0.1.20 has known holes: ")


def test_versions_of_others_are_none_of_ollamas() -> None:
    assert found(a_snapshot(a_node(ollama(kind="llama.cpp", version="0.1.20")))) == {}
    node = a_node(ollama(name="big", kind="vllm", version="0.9.2", open_at=["192.168.1.7"]))
    assert found(a_snapshot(node)) == {"engine_open": "warning"}
    assert "--host 127.0.0.1" in the(a_snapshot(node), "engine_open").fix


def test_each_engine_of_a_node_has_its_own() -> None:
    node = a_node(ollama(open_at=["10.0.0.1"]), ollama(name="big", kind="vllm", open_at=["10.0.0.1"]))
    titles = [each.title for each in findings_of(a_snapshot(node)) if each.check_id == "engine_open"]
    assert titles == [
        "On n1: the Ollama faces the network at 10.0.0.1",
        "On n1: engine big faces the network at 10.0.0.1",
    ]


def test_what_does_not_run_now_is_not_told() -> None:
    engine = ollama(version="0.1.20", open_at=["192.168.1.7"])
    down = replace(engine, up=False)
    assert set(found(a_snapshot(a_node(down)))) == {"engine_down"}
    assert set(found(a_snapshot(a_node(engine, standing=LOST)))) == {"node_offline"}
    assert unsafe(ONLINE, [down]) == unsafe(LOST, [engine]) == []


def test_in_a_few_words() -> None:
    assert unsafe(ONLINE, [ollama()]) == []
    both = ollama(version="0.17.0-rc\x1b[2J", open_at=["192.168.1.7"])
    assert unsafe(ONLINE, [both]) == [
        "ollama faces the network at 192.168.1.7",
        "Ollama 0.17.0 has known holes: CVE-2026-7482",
    ]
    many = ollama(name="big", kind="vllm", open_at=[f"10.0.0.{number}" for number in range(16)])
    assert unsafe(ONLINE, [many]) == ["big faces the network at 10.0.0.0, 10.0.0.1, 10.0.0.2 and 13 more"]
