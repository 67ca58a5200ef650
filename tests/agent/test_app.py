"""What the agent makes of the addresses that people type."""

from pathlib import Path

import pytest

from agent.addresses import base_url
from agent.app import run_agent
from agent.config import Settings, StartError
from shared.settings import Resolved

LONG = "a" * 64


def never_read() -> Resolved[Settings]:
    """Settings are read again at SIGHUP only."""
    raise AssertionError


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("workstation", "http://workstation:11435"),
        ("http://workstation:80/", "http://workstation:80"),
        ("https://fleet.example.", "https://fleet.example.:11435"),
        ("http://[fe80::1%eth0]:9", "http://[fe80::1%eth0]:9"),
        ("http://büro.example", "http://büro.example:11435"),
    ],
)
def test_what_is_left_out_of_an_address_is_added(typed: str, meant: str) -> None:
    assert base_url(typed, 11435) == meant


@pytest.mark.parametrize("host", ["my..host", LONG, f"x.{LONG}.y", ".", "bü" + LONG])
async def test_a_name_that_no_resolver_can_be_asked_for_ends_the_start_in_words(host: str) -> None:
    url = f"http://{host}:11435"
    with pytest.raises(StartError, match=r"is no address: a part of the host's name") as raised:
        await run_agent(Settings(router_url=url), never_read, lambda *_: None, with_parent=False)
    assert url in str(raised.value)


async def test_so_does_one_that_the_gateway_is_to_listen_on(tmp_path: Path) -> None:
    settings = Settings(router_url="http://127.0.0.1:9", gateway_host="my..host", data_dir=str(tmp_path))
    with pytest.raises(StartError, match=r"cannot listen on my..host:11436: 'my..host' is no name of a host"):
        await run_agent(settings, never_read, lambda *_: None, with_parent=False)
