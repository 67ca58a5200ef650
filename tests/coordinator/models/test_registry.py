"""What the registry is asked, and what its answers mean. A real server on a free port."""

import pytest

from coordinator.models.registry import DOWN_FOR_S, NotToBeHad, Reference, Registry, RegistryDown, reference
from shared.names import ModelName, normalise
from tests.fakes.registry import CLOSED, FakeRegistry


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("llama3.2:latest", Reference("", "library/llama3.2", "latest")),
        ("user/model:7b-q4_K_M", Reference("", "user/model", "7b-q4_K_M")),
        ("hf.co/User/Model-GGUF:Q4_K_M", Reference("hf.co", "User/Model-GGUF", "Q4_K_M")),
        ("registry.ollama.ai/library/m:1", Reference("", "library/m", "1")),
        ("localhost:5000/u/m:1", Reference("localhost:5000", "u/m", "1")),
        ("a/b/c/d:1", None),
        ("../m:1", None),
        ("m..n:1", None),
        ("m:..", None),
        ("/m:1", None),
        ("m:", None),
        ("with space:1", None),
        ("a?b=c:1", None),
        ("evil@host/u/m:1", None),
        ("m#x:1", None),
        ("m%2f:1", None),
        ("ü:1", None),
        ("m" * 81 + ":1", None),
    ],
)
def test_a_name_is_what_a_registry_can_have_or_nothing(model: str, expected: Reference | None) -> None:
    assert reference(ModelName(model)) == expected


async def size(registry: Registry, name: str) -> int:
    return await registry.size(normalise(name))


async def test_sizes_come_from_the_manifest_and_unknown_names_are_told_apart_from_a_registry_that_is_down() -> (
    None
):
    now = [0.0]
    async with FakeRegistry.run({"library/m:latest": 5_000_000, "u/m:1": 70}) as fake:
        registry = Registry(fake.address + "/", ("Other.example",), 0.3, lambda: now[0])
        try:
            assert await size(registry, "m") == 5_000_000
            for name in ("n", "m:2", "hf.co/u/m:1", "a/b/c/d:1"):
                with pytest.raises(NotToBeHad):
                    await size(registry, name)
            assert fake.asked.total() == 3, "what is not of this registry is not asked"

            for fault, said in (
                ({"status": 500}, "it answered 500"),
                ({"status": 429}, "it answered 429"),
                ({"body": b"x" * (2**20 + 1)}, "its manifest is too large"),
                ({"delay_s": 1.0}, "no answer within 0.3 s"),
            ):
                fake.status, fake.body, fake.delay_s = None, None, 0.0
                vars(fake).update(fault)
                with pytest.raises(RegistryDown, match=said):
                    await size(registry, "m")
                asked = fake.asked.total()
                with pytest.raises(RegistryDown, match=said):
                    await size(registry, "other")
                assert fake.asked.total() == asked, "it is left alone for a while"
                now[0] += DOWN_FOR_S
            fake.delay_s = 0.0
            assert await size(registry, "m") == 5_000_000
            for body in (b"<html>", b"{}", b'{"layers": [{"mediaType": "x", "size": "1"}]}'):
                fake.body = body
                with pytest.raises((RegistryDown, NotToBeHad)):
                    await size(registry, "m")
                now[0] += DOWN_FOR_S
            fake.body, fake.weights = None, False
            with pytest.raises(NotToBeHad, match="only its maker's servers do"):
                await size(registry, "m")
        finally:
            await registry.close()


async def test_a_closed_port_is_told_at_once() -> None:
    registry = Registry(CLOSED, (), 3.0)
    try:
        with pytest.raises(RegistryDown, match=r"127\.0\.0\.1:9 cannot be asked: Connection refused$"):
            await size(registry, "m")
    finally:
        await registry.close()


async def test_a_name_that_nobody_has_is_told_in_the_systems_words() -> None:
    registry = Registry("http://nosuch.invalid", (), 3.0)
    try:
        with pytest.raises(RegistryDown) as raised:
            await size(registry, "m")
        assert str(raised.value).startswith("the registry nosuch.invalid cannot be asked: ")
        assert "ssl:default" not in str(raised.value)
    finally:
        await registry.close()
