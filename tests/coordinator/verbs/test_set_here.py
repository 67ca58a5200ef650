"""To whom FLEET_KEY is shown: the coordinator that FLEET_URL names, and nobody else."""

import pytest

from coordinator.verbs.connection import key_header


@pytest.mark.parametrize(
    ("url", "asked", "shown"),
    [
        ("http://box:11435", "http://box:11435", True),
        ("box", "http://box:11435", True),
        ("box", "http://box:11436", False),
        ("box", "https://box:11435", False),
        ("box", "http://other:11435", False),
        ("", "http://box:11435", False),
    ],
    ids=["same", "short", "port", "scheme", "host", "unnamed"],
)
def test_a_key_is_for_who_is_named(
    monkeypatch: pytest.MonkeyPatch, url: str, asked: str, shown: bool
) -> None:
    monkeypatch.setenv("FLEET_ENV_FILE", "/nonexistent")
    monkeypatch.setenv("FLEET_URL", url)
    monkeypatch.setenv("FLEET_KEY", "sk-herd-abcdefgh-x")
    assert key_header(asked) == ({"Authorization": "Bearer sk-herd-abcdefgh-x"} if shown else {})


def test_without_a_key_nothing_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_ENV_FILE", "/nonexistent")
    monkeypatch.setenv("FLEET_URL", "box")
    monkeypatch.delenv("FLEET_KEY", raising=False)
    assert key_header("http://box:11435") == {}
