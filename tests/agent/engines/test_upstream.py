"""A server elsewhere: its key, its bounds, and that it says what it costs."""

import json
from pathlib import Path

import pytest

from agent.engines import upstream
from agent.engines.openai_server import OpenAIServer
from agent.engines.source import Adopted
from shared.errors import EngineBusy
from tests.fakes.control import FakeEngine
from tests.fakes.doubles.running import behind_gateway, engine_session


async def test_it_is_restricted_priced_and_given_the_nodes_key(tmp_path: Path) -> None:
    key = tmp_path / "key"
    key.write_text("sk-of-the-node\n")
    key.chmod(0o600)
    async with FakeEngine.run(models=["big", "small"]) as fake, engine_session() as session:
        options = upstream.Options(
            url=f"{fake.address}/v1", key_file=str(key), models=("big", "gone"), price_in=0.5, price_out=2.0
        )
        engine = OpenAIServer(
            "cloud",
            upstream.contract(options),
            Adopted(upstream.base(options.url)),
            lambda ask: upstream.read(options, ask),
            session,
            2.0,
            mending=upstream.MENDING,
            headers=upstream.headers(options),
            admit=upstream.Rate(2).admit,
        )
        report = await engine.look()
        assert [each.name for each in report.models] == ["big"]
        assert (report.restricted, report.price_in, report.price_out) == ("cost", 0.5, 2.0)
        async with behind_gateway(engine, session) as door:
            assert (await door.chat("big", stream=True))[0] == 200
            calls = (await fake.state()).calls
            assert {call.header("Authorization") for call in calls} == {"Bearer sk-of-the-node"}
            await fake.switch(fail_status=401)
            status, _, body = await door.chat("big", stream=False)
            assert (status, "this node's key" in json.loads(body)["error"]["message"]) == (502, True)
            status, _, body = await door.chat("big", stream=False)
            assert (status, b"2 calls a minute" in body) == (503, True)


def test_only_a_rule_of_its_owner_frees_it() -> None:
    assert upstream.contract(upstream.Options()).restricted == "cost"
    assert upstream.contract(upstream.Options(restricted=False)).restricted == ""


@pytest.mark.parametrize("content", [b"", b"two words", b"\xff", b"x" * 9000])
def test_a_file_without_a_key_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(upstream.KeyRefused, match="key file") as raised:
        upstream.headers(upstream.Options(key_file=str(path)))
    assert "two words" not in str(raised.value)
    with pytest.raises(upstream.KeyRefused, match="cannot be read"):
        upstream.headers(upstream.Options(key_file=str(tmp_path / "none")))


def test_a_minute_has_room_for_so_many() -> None:
    rate = upstream.Rate(2)
    rate.admit(0.0)
    rate.admit(30.0)
    with pytest.raises(EngineBusy) as raised:
        rate.admit(59.5)
    assert raised.value.retry_after == 1
    rate.admit(60.0)
    with pytest.raises(EngineBusy):
        rate.admit(89.0)


@pytest.mark.parametrize("url", ["cloud", "ftp://x/v1", "http:///v1"])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no address"):
        upstream.base(url)
    assert upstream.base("https://api.example/v1/") == "https://api.example"


def test_a_key_that_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("sk-of-the-node\n")
    path.chmod(0o640)
    with pytest.raises(upstream.KeyRefused, match=rf"others may read it: chmod go= '{path}'"):
        upstream.headers(upstream.Options(key_file=str(path)))
