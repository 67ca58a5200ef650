"""How verbs find the coordinator and what they make of its answers. A server of the standard library stands in."""

import contextlib
import http.server
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from coordinator.verbs.connection import (
    FAILED,
    NOT_FOUND,
    USAGE,
    WHOLE,
    NoAnswer,
    ask,
    base_url,
    found,
)

LOCAL_URL = "http://127.0.0.1:11435"
NOBODY = "http://127.0.0.1:9"
TRICKLE_S = 0.02
"""Between two bytes."""


class Answers(http.server.BaseHTTPRequestHandler):
    """Status and body by path."""

    bodies: ClassVar[dict[str, tuple[int, bytes]]] = {
        "/health": (200, b'{"coordinator_id": "c"}'),
        "/ollama": (404, b'{"error": "no node is called x"}'),
        "/openai": (503, b'{"error": {"message": "queue full", "type": "t", "param": null, "code": null}}'),
        "/closed": (401, b'{"error": "unauthorized"}'),
        "/forbidden": (403, b'{"error": "this key may only read"}'),
        "/page": (200, b"<html>"),
        "/bare": (500, b"oops"),
    }

    def do_GET(self) -> None:
        """As listed; a trickle never ends by itself."""
        if self.path.startswith("/trickle"):
            self._trickle("headers" in self.path)
        else:
            self._answer(*self.bodies[self.path])

    def do_POST(self) -> None:
        """What came."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._answer(200, json.dumps([self.headers["Content-Type"], json.loads(body)]).encode())

    def _trickle(self, headers: bool) -> None:
        with contextlib.suppress(OSError):  # the other side has had enough
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: 1000\r\n" + (b"" if headers else b"\r\n"))
            while True:
                self.wfile.write(b"a")
                time.sleep(TRICKLE_S)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def url() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FLEET_ENV_FILE", str(tmp_path / "env"))
    monkeypatch.setenv("FLEET_CONFIG_FILE", os.devnull)
    monkeypatch.delenv("FLEET_PORT", raising=False)
    monkeypatch.delenv("FLEET_HOST", raising=False)
    monkeypatch.delenv("FLEET_URL", raising=False)
    monkeypatch.delenv("OLLAMA_HOST", raising=False)
    monkeypatch.setenv("FLEET_MDNS", "false")
    monkeypatch.setenv("http_proxy", NOBODY)  # a proxy of the house knows no neighbours


def test_what_is_asked_comes_as_json(url: str) -> None:
    assert ask("POST", "/any", {"a": 1}, url=url) == ["application/json", {"a": 1}]
    assert ask("GET", "/health", url=url.removeprefix("http://")) == {"coordinator_id": "c"}


@pytest.mark.parametrize(
    ("path", "code", "words"),
    [
        ("/ollama", NOT_FOUND, "no node is called x"),
        ("/openai", FAILED, "queue full"),
        ("/closed", FAILED, "unauthorized"),
        ("/forbidden", FAILED, "this key may only read"),
        ("/bare", FAILED, "it answered 500"),
        ("/page", FAILED, "is not a herd coordinator"),
    ],
)
def test_errors_are_one_clear_line(url: str, path: str, code: int, words: str) -> None:
    with pytest.raises(NoAnswer, match=words) as raised:
        ask("GET", path, url=url)
    assert (raised.value.code, raised.value.reached) == (code, True)
    assert str(raised.value).startswith(url)
    assert "\n" not in str(raised.value)


def test_nobody_there() -> None:
    with pytest.raises(
        NoAnswer, match=r"no coordinator answers at http://127.0.0.1:9: Connection refused"
    ) as raised:
        ask("GET", "/health", url=NOBODY)
    assert (raised.value.code, raised.value.reached) == (FAILED, False)


@pytest.mark.parametrize("path", ["/trickle", "/trickle/headers"])
def test_what_trickles_ends(url: str, path: str) -> None:
    """No step of it is late: a second is far more than a busy machine lets one wait."""
    began = time.monotonic()
    with pytest.raises(NoAnswer, match="timed out") as raised:
        ask("GET", path, url=url, timeout_s=1.0)
    assert not raised.value.reached
    assert WHOLE <= time.monotonic() - began < WHOLE + 5


def test_where_it_is_looked_for(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert found() == LOCAL_URL
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    assert found() == LOCAL_URL
    monkeypatch.setenv("OLLAMA_HOST", url)
    assert found() == url
    monkeypatch.setenv("FLEET_URL", "workstation")
    assert found() == "http://workstation:11435"


def test_this_machines_is_where_its_settings_say(
    url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("[herd]\nport = 5\npolicy = 'weighted'\n[herd-node]\n")
    monkeypatch.setenv("FLEET_CONFIG_FILE", str(config))
    assert found() == "http://127.0.0.1:5"
    monkeypatch.setenv("FLEET_PORT", "6")
    assert found() == "http://127.0.0.1:6"
    monkeypatch.setenv("FLEET_HOST", "::1")
    assert found() == "http://[::1]:6"
    config.write_text("nonsense")
    assert found() == LOCAL_URL, "a broken file keeps no verb from asking"
    (tmp_path / "env").write_text(f"FLEET_URL={url}\n")
    assert found() == url


def test_an_ollama_host_that_is_passed_over_is_told(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9\x1b")
    assert found() == LOCAL_URL
    told = f"herd: OLLAMA_HOST='127.0.0.1:9\\x1b' answers as no coordinator; asking {LOCAL_URL}\n"
    assert capsys.readouterr().err == told
    assert found(listen=False) == LOCAL_URL
    assert capsys.readouterr().err == "", "nobody reads it while a word is completed"
    for short in (url.removeprefix("http://127.0.0.1"), url.replace("127.0.0.1", "")):
        monkeypatch.setenv("OLLAMA_HOST", short)
        assert found() == url
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("workstation", "http://workstation:11435"),
        ("https://w:1/", "https://w:1"),
        ("0.0.0.0", "http://127.0.0.1:11435"),
        ("[::]:80", "http://[::1]:80"),
        ("http://[fe80::1%eth0]", "http://[fe80::1%eth0]:11435"),
    ],
)
def test_addresses_as_people_type_them(typed: str, meant: str) -> None:
    assert base_url(typed) == meant


@pytest.mark.parametrize("typed", ["", "ftp://w", "http://", "w:port", "w w", "my..host"])
def test_what_is_no_address_is_wrong_usage(typed: str) -> None:
    with pytest.raises(NoAnswer, match="is no address") as raised:
        base_url(typed)
    assert raised.value.code == USAGE
