"""What systemd hears."""

import socket
from pathlib import Path

import pytest

from shared.notices import message, notify


def test_the_words() -> None:
    assert message("READY", 5_000_123) == b"READY=1"
    assert message("STOPPING", 5_000_123) == b"STOPPING=1"
    assert message("RELOADING", 5_000_123) == b"RELOADING=1\nMONOTONIC_USEC=5000"


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_they_arrive(tmp_path: Path, kind: str) -> None:
    name = str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(name if kind == "path" else f"\0{name}")
        there.settimeout(2)
        notify("READY", {"NOTIFY_SOCKET": name if kind == "path" else f"@{name}"})
        assert there.recv(100) == b"READY=1"


def test_nobody_listens(tmp_path: Path) -> None:
    notify("READY", {})
    notify("READY", {"NOTIFY_SOCKET": str(tmp_path / "nobody")})
