"""Heartbeats that are wrong: refused with the place of the fault, and the fleet stays as it was."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from tests.fleet.bad_input import GOOD, OllamaError, trial
from tests.fleet.harness import Herd, node

JSON = {"Content-Type": "application/json"}
BEAT: dict[str, Any] = {
    "node_id": "node-9",
    "epoch": 1,
    "seq": 1,
    "gateway_port": 9,
    "gateway_secret": "a-secret-that-is-long-enough",
}
ENGINE: dict[str, Any] = {"name": "ollama", "kind": "ollama"}

NO_BEAT = {
    "not JSON": b"thump",
    "truncated": b'{"node_id": "node-9"',
    "empty": b"",
    "a list": b"[]",
    "null": b"null",
    "bad UTF-8": b'{"node_id": "\xff"}',
    "too deep": b'{"more": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
}

EVENT = {"number": 1, "at": 1.0, "engine": "e", "kind": "crashed", "rung": "as it was", "then": "again"}
MISSING = ("node_id", "epoch", "seq", "gateway_port", "gateway_secret")

BAD_FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "node_id with a slash": ({"node_id": "a/b"}, "$.node_id"),
    "node_id with a line end": ({"node_id": "a\nb"}, "$.node_id"),
    "node_id that ends in a line end": ({"node_id": "node-9\n"}, "$.node_id"),
    "node_id empty": ({"node_id": ""}, "$.node_id"),
    "node_id a number": ({"node_id": 9}, "$.node_id"),
    "node_id of 200 characters": ({"node_id": "n" * 200}, "$.node_id"),
    "epoch negative": ({"epoch": -1}, "$.epoch"),
    "epoch a string": ({"epoch": "1"}, "$.epoch"),
    "seq huge": ({"seq": 2**60}, "$.seq"),
    "port 0": ({"gateway_port": 0}, "$.gateway_port"),
    "port 65536": ({"gateway_port": 65_536}, "$.gateway_port"),
    "secret too short": ({"gateway_secret": "short"}, "$.gateway_secret"),
    "host too long": ({"gateway_host": "h" * 256}, "$.gateway_host"),
    "CPU at 101 percent": ({"cpu": {"utilization_pct": 101}}, "$.cpu.utilization_pct"),
    "memory negative": ({"memory": {"total_bytes": -1}}, "$.memory.total_bytes"),
    "gpus an object": ({"gpus": {}}, "$.gpus"),
    "VRAM a string": ({"gpus": [{"vram_total_bytes": "24 GiB"}]}, "$.gpus[0].vram_total_bytes"),
    "engine without a kind": ({"engines": [{"name": "ollama"}]}, "$.engines[0]"),
    "engine name with a slash": ({"engines": [ENGINE | {"name": "../x"}]}, "$.engines[0].name"),
    "no slots": ({"engines": [ENGINE | {"slots_per_model": 0}]}, "$.engines[0].slots_per_model"),
    "open at a string": ({"engines": [ENGINE | {"open_at": "192.168.1.7"}]}, "$.engines[0].open_at"),
    "open at nothing": ({"engines": [ENGINE | {"open_at": [""]}]}, "$.engines[0].open_at[0]"),
    "open at what commands a terminal": (
        {"engines": [ENGINE | {"open_at": ["10.0.0.1", "\x1b[2J"]}]},
        "$.engines[0].open_at[1]",
    ),
    "open at too much": ({"engines": [ENGINE | {"open_at": ["10.0.0.1"] * 17}]}, "$.engines[0].open_at"),
    "a model without a name": ({"engines": [ENGINE | {"models": [{}]}]}, "$.engines[0].models[0]"),
    "a model name too long": (
        {"engines": [ENGINE | {"models": [{"name": "m" * 513}]}]},
        "$.engines[0].models[0].name",
    ),
    "abilities a string": (
        {"engines": [ENGINE | {"models": [{"name": "m", "abilities": "chat"}]}]},
        "$.engines[0].models[0].abilities",
    ),
    "a replica with no slots": (
        {"engines": [ENGINE | {"replicas": [{"model": "m", "slots_total": 0}]}]},
        "$.engines[0].replicas[0].slots_total",
    ),
    "too many events": ({"events": [EVENT] * 9}, "$.events"),
    "an event of no engine": ({"events": [EVENT | {"engine": ""}]}, "$.events[0].engine"),
    "an event that commands a terminal": (
        {"events": [EVENT | {"lines": ["\x1b[2J"]}]},
        "$.events[0].lines[0]",
    ),
    "an event of long words": ({"events": [EVENT | {"then": "x" * 257}]}, "$.events[0].then"),
}

IMPOSSIBLE_HOSTS = (
    "a b",
    "x/y",
    "evil@host",
    "host:80",
    "a\r\nb",
    "http://host",
    "host?x",
    "host#x",
    "[::1",
    "\0",
)
"""Characters that no host has."""
UNKNOWABLE_HOSTS = ("a..b", ".", "a" * 255)
"""The resolver cannot even be asked."""
NONSENSE_SECRETS = ("a secret with\r\na line end", "a secret with\0 nothing in it")


async def test_bad_beats_are_refused_and_the_fleet_stays_as_it_was(tmp_path: Path) -> None:
    async with trial(tmp_path) as (herd, _fake):
        before = await _fleet(herd)
        for name, body in NO_BEAT.items():
            await _refused(herd, name, body, "")
        for field in MISSING:
            body = msgspec.json.encode({key: value for key, value in BEAT.items() if key != field})
            await _refused(herd, f"{field} missing", body, field)
        for name, (fields, path) in BAD_FIELDS.items():
            await _refused(herd, name, msgspec.json.encode(BEAT | fields), f"`{path}`")
        assert await _fleet(herd) == before
        async with herd.session.post(f"{herd.address}/api/chat", json=GOOD["/api/chat"]) as response:
            assert response.status == 200


async def test_a_beat_that_names_no_possible_host_is_refused(tmp_path: Path) -> None:
    async with trial(tmp_path) as (herd, _fake):
        before = await _fleet(herd)
        statuses = {}
        for number, host in enumerate(IMPOSSIBLE_HOSTS):
            beat = BEAT | {"node_id": f"host-{number}", "gateway_host": host}
            async with herd.session.post(f"{herd.address}/heartbeat", json=beat) as response:
                statuses[host] = response.status
        assert statuses == dict.fromkeys(IMPOSSIBLE_HOSTS, 400)
        assert await _fleet(herd) == before


async def test_no_beat_ends_the_watch_over_the_fleet(tmp_path: Path) -> None:
    """Whatever is accepted, nodes that join later must still be probed and get calls."""
    async with trial(tmp_path) as (herd, fake):
        port = urlsplit((await herd.nodes())["node-1"]["gateway_url"]).port
        hosts = IMPOSSIBLE_HOSTS + UNKNOWABLE_HOSTS
        beats = [{"node_id": f"host-{n}", "gateway_host": host} for n, host in enumerate(hosts)]
        beats += [
            {"node_id": f"secret-{n}", "gateway_secret": secret, "gateway_port": port}
            for n, secret in enumerate(NONSENSE_SECRETS)
        ]
        for beat in beats:
            async with herd.session.post(f"{herd.address}/heartbeat", json=BEAT | beat) as response:
                assert response.status in (200, 400), beat
        async with node(tmp_path, herd.address, "node-2", ollama=fake.address):
            await herd.ready("node-2")


async def test_an_outdated_beat_is_refused(tmp_path: Path) -> None:
    async with trial(tmp_path) as (herd, _fake):
        beat = BEAT | {"epoch": 5, "seq": 5}
        async with herd.session.post(f"{herd.address}/heartbeat", json=beat) as response:
            assert response.status == 200, await response.text()
        before = await _fleet(herd)
        for older in ({"seq": 5}, {"seq": 4}, {"epoch": 4, "seq": 99}):
            await _refused(herd, str(older), msgspec.json.encode(beat | older), "node-9")
        assert await _fleet(herd) == before


async def test_a_web_page_cannot_join_a_node(tmp_path: Path) -> None:
    """What a page may send without asking first is text; what it sends has its origin."""
    async with trial(tmp_path) as (herd, _fake):
        before = await _fleet(herd)
        body = msgspec.json.encode(BEAT | {"node_id": "evil"})
        for headers, status in (
            ({"Content-Type": "text/plain"}, 415),
            ({}, 415),
            (JSON | {"Origin": "http://evil.example"}, 403),
            (JSON | {"Origin": herd.address}, 403),
        ):
            async with herd.session.post(f"{herd.address}/heartbeat", data=body, headers=headers) as response:
                assert response.status == status
        assert await _fleet(herd) == before


async def _refused(herd: Herd, name: str, body: bytes, told: str) -> None:
    async with herd.session.post(f"{herd.address}/heartbeat", data=body, headers=JSON) as response:
        text = await response.read()
        assert response.status == 400, (name, response.status, text)
    error = msgspec.json.decode(text, type=OllamaError).error
    assert told in error, (name, error)
    assert BEAT["gateway_secret"] not in error
    assert "Traceback" not in error


async def _fleet(herd: Herd) -> dict[str, Any]:
    """What a beat could change, without what changes by itself."""
    nodes = await herd.nodes()
    kept = ("status", "gateway_url", "gpus", "hardware")
    return {
        node_id: {key: node[key] for key in kept}
        | {"engines": [(engine["name"], engine["models"]) for engine in node["engines"]]}
        for node_id, node in nodes.items()
    }
