"""Messages between the two programs: they come back as they went, and a bad one says where it is bad."""

from typing import Any

import msgspec
import pytest

from shared.wire import Gpu, Hardware, Heartbeat, HeartbeatReply, Power, Thermal, engine_path
from tests.fakes.builders import GIB, a_beat, a_model, a_replica, an_engine

DECODER = msgspec.json.Decoder(Heartbeat)
FULL = a_beat(
    "studio-1.lan",
    an_engine(
        a_model("a:1b", abilities=["chat", "tools"]),
        a_model("b"),
        replicas=[a_replica("a:1b", slots=4, context=8192)],
    ),
    an_engine(name="embedded", up=False, reason="exit code 1"),
    seq=17,
    epoch=1_760_000_000_000,
    gpus=[Gpu(name="a card", vram_total_bytes=24 * GIB, vram_free_bytes=GIB, utilization_pct=12.5)],
    hardware=Hardware(arch="arm64", chip="a chip", memory_bandwidth_gbps=273.0, unified_memory=True),
    draining=True,
)


def plain(**changes: object) -> dict[str, Any]:
    """FULL as plain values, with changes at the top."""
    return {**msgspec.to_builtins(FULL), **changes}


def fault(message: dict[str, Any]) -> str:
    """Why a beat is not accepted."""
    with pytest.raises(msgspec.ValidationError) as caught:
        DECODER.decode(msgspec.json.encode(message))
    return str(caught.value)


def test_a_beat_comes_back_as_it_went() -> None:
    assert DECODER.decode(msgspec.json.encode(FULL)) == FULL


def test_a_reply_comes_back_as_it_went() -> None:
    reply = HeartbeatReply(status="ok", node_status="degraded", state="probing", reason="being tried")
    assert msgspec.json.decode(msgspec.json.encode(reply), type=HeartbeatReply) == reply


def test_the_least_that_a_beat_needs() -> None:
    names = ("node_id", "epoch", "seq", "gateway_port", "gateway_secret")
    least = {name: plain()[name] for name in names}
    assert DECODER.decode(msgspec.json.encode(least)).engines == []
    for name in names:
        rest = {key: value for key, value in least.items() if key != name}
        assert f"missing required field `{name}`" in fault(rest)


def test_a_beat_of_an_earlier_version_has_no_climate() -> None:
    earlier = {key: value for key, value in plain().items() if key not in ("thermal", "power")}
    earlier["gpus"] = [{"name": "a card", "vram_total_bytes": 24 * GIB, "vram_free_bytes": GIB}]
    beat = DECODER.decode(msgspec.json.encode(earlier))
    assert (beat.thermal, beat.power) == (Thermal(), Power())
    assert beat.gpus == [Gpu(name="a card", vram_total_bytes=24 * GIB, vram_free_bytes=GIB)]


def test_an_engine_of_an_earlier_version_is_open_nowhere() -> None:
    engine = {"name": "ollama", "kind": "ollama"}
    beat = DECODER.decode(msgspec.json.encode(plain(engines=[engine])))
    assert beat.engines[0].open_at == []


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    message = plain(of_a_later_version=[1, {"a": None}])
    message["engines"][0]["models"][0]["also_new"] = True
    message["memory"]["also_new"] = 1
    assert DECODER.decode(msgspec.json.encode(message)) == FULL


def test_a_bad_beat_names_the_path_of_the_fault() -> None:
    message = plain()
    message["engines"][0]["replicas"][0]["slots_total"] = 0
    assert fault(message) == "Expected `int` >= 1 - at `$.engines[0].replicas[0].slots_total`"
    assert fault(plain(memory={"total_bytes": -1})).endswith("at `$.memory.total_bytes`")
    assert fault(plain(cpu={"utilization_pct": 101})).endswith("at `$.cpu.utilization_pct`")
    assert fault(plain(gpus=[{"index": -1}])).endswith("at `$.gpus[0].index`")
    assert fault(plain(gpus=[{"uuid": "x" * 129}])).endswith("at `$.gpus[0].uuid`")
    assert fault(plain(gpus=[{"power_watts": -1}])).endswith("at `$.gpus[0].power_watts`")
    assert fault(plain(thermal={"temperature_c": 1e3})).endswith("at `$.thermal.temperature_c`")
    assert fault(plain(power={"battery_pct": 101})).endswith("at `$.power.battery_pct`")
    assert fault(plain(seq="1")).endswith("at `$.seq`")
    assert fault(plain(gateway_port=0)).endswith("at `$.gateway_port`")
    assert fault(plain(gateway_secret="short")).endswith("at `$.gateway_secret`")


@pytest.mark.parametrize(
    "node_id", ["", "a b", "-a", ".a", "a/b", "a" * 129, "ä", "a\r\nX-Header: y", "a\n"], ids=ascii
)
def test_a_node_name_must_be_fit_for_headers_and_file_names(node_id: str) -> None:
    assert fault(plain(node_id=node_id)).endswith("at `$.node_id`")


@pytest.mark.parametrize("name", ["", "A", "a b", "a/b", "../x", "a\n"], ids=ascii)
def test_an_engine_name_must_be_fit_for_a_path(name: str) -> None:
    message = plain()
    message["engines"][1]["name"] = name
    assert fault(message).endswith("at `$.engines[1].name`")


def test_the_path_of_an_engine() -> None:
    assert engine_path("ollama", "/api/chat") == "/engines/ollama/api/chat"
