"""Pages that are allowed, where open mode may listen, from where a model may be pulled."""

import pytest

from coordinator.access.binding import refuse_public
from coordinator.access.cors import Cors
from coordinator.access.decision import NEIGHBOUR, OWNER
from coordinator.access.registries import Registries, registry_of
from shared.errors import Forbidden
from shared.http1.heads import RequestHead
from shared.names import ModelName, normalise
from shared.settings import SettingsError

CHAT = "https://chat.example"
ASKING = (b"Access-Control-Request-Method", b"POST")


def preflight(origin: bytes, *headers: tuple[bytes, bytes], method: bytes = b"OPTIONS") -> RequestHead:
    return RequestHead(method, b"/v1/chat/completions", [(b"Origin", origin), *headers])


def test_without_origins_nothing_is_said() -> None:
    cors = Cors(())
    assert cors.headers(CHAT) == []
    assert cors.preflight(preflight(CHAT.encode(), ASKING)) is None


def test_an_allowed_page_is_told_so_and_no_other() -> None:
    cors = Cors(("HTTPS://Chat.example/",))
    assert (b"Access-Control-Allow-Origin", CHAT.encode()) in cors.headers(CHAT)
    for other in ("https://evil.example", "null", "", None, CHAT + ".evil.example", "http://chat.example"):
        assert cors.headers(other) == [(b"Vary", b"Origin")]


def test_what_a_page_is_told_is_this_and_no_more() -> None:
    cors = Cors((CHAT,))
    shown = b"X-Request-Id, X-Fleet-Node, X-Fleet-Served-Model, X-Fleet-Fallback, Retry-After"
    told = [
        (b"Vary", b"Origin"),
        (b"Access-Control-Allow-Origin", CHAT.encode()),
        (b"Access-Control-Expose-Headers", shown),
    ]
    assert cors.headers(CHAT) == told
    assert cors.allows(CHAT.upper())
    methods = [
        (b"Access-Control-Allow-Methods", b"GET, HEAD, POST, DELETE"),
        (b"Access-Control-Max-Age", b"600"),
    ]
    assert cors.preflight(preflight(CHAT.encode(), ASKING)) == told + methods
    private = (b"Access-Control-Request-Private-Network", b"true")
    allowed = [(b"Access-Control-Allow-Private-Network", b"true")]
    assert cors.preflight(preflight(CHAT.encode(), ASKING, private)) == told + methods + allowed
    other = (private[0], b"maybe")
    assert cors.preflight(preflight(CHAT.encode(), ASKING, other)) == told + methods
    assert cors.preflight(preflight(b"\xff", ASKING)) is None


def test_a_preflight_says_what_may_be_sent() -> None:
    cors = Cors((CHAT,))
    wanted = (b"Access-Control-Request-Headers", b"authorization, x-stainless-os")
    told = dict(cors.preflight(preflight(CHAT.encode(), ASKING, wanted)) or [])
    assert told[b"Access-Control-Allow-Headers"] == b"authorization, x-stainless-os"
    assert b"Access-Control-Allow-Credentials" not in told
    broken = (b"Access-Control-Request-Headers", b"a\x01b")
    assert b"Access-Control-Allow-Headers" not in dict(
        cors.preflight(preflight(CHAT.encode(), ASKING, broken)) or []
    )
    assert cors.preflight(preflight(b"https://evil.example", ASKING)) is None
    assert cors.preflight(preflight(CHAT.encode())) is None
    assert cors.preflight(preflight(CHAT.encode(), ASKING, method=b"POST")) is None


@pytest.mark.parametrize(
    ("bound", "own"),
    [
        (["127.0.0.1"], ["8.8.8.8"]),
        (["192.168.1.5"], ["8.8.8.8", "192.168.1.5"]),
        (["0.0.0.0", "::"], ["192.168.1.5", "fd00::2", "fe80::1", "100.64.0.3"]),
        (["0.0.0.0"], ["192.168.1.5", "2a00:1450::1"]),
        (["fe80::1%eth0"], ["8.8.8.8"]),
    ],
    ids=["loopback", "private", "all private", "IPv4 only", "link-local"],
)
def test_open_mode_listens_at_home(bound: list[str], own: list[str]) -> None:
    refuse_public(bound, own)


@pytest.mark.parametrize(
    ("bound", "own", "public"),
    [
        (["8.8.8.8"], ["8.8.8.8"], "8.8.8.8"),
        (["0.0.0.0", "::"], ["192.168.1.5", "8.8.8.8"], "8.8.8.8"),
        (["0.0.0.0", "::"], ["192.168.1.5", "2a00:1450::1"], "2a00:1450::1"),
        (["2a00:1450::1"], [], "2a00:1450::1"),
    ],
    ids=["public", "one of all", "IPv6", "IPv6 alone"],
)
def test_open_mode_listens_nowhere_else(bound: list[str], own: list[str], public: str) -> None:
    with pytest.raises(SettingsError, match=f"{public} is a public address"):
        refuse_public(bound, own)


def test_the_refusal_names_an_address_to_listen_on() -> None:
    with pytest.raises(SettingsError, match=r"herd --open --host 192\.168\.1\.5;"):
        refuse_public(["0.0.0.0"], ["8.8.8.8", "192.168.1.5"])


@pytest.mark.parametrize(
    ("model", "host"),
    [
        ("llama3.2", ""),
        ("someone/llama3.2:3b", ""),
        ("hf.co/a/b:q4", "hf.co"),
        ("HF.co/b", "hf.co"),
        ("registry.ollama.ai/library/m", "registry.ollama.ai"),
        ("10.0.0.9:5000/a/b", "10.0.0.9:5000"),
        ("http://evil.example/a/b", "http:"),
        ("evil/a/b", "evil"),
    ],
    ids=lambda value: value or "the default",
)
def test_from_where_a_model_comes(model: str, host: str) -> None:
    assert registry_of(normalise(model)) == host


def test_a_foreign_registry_needs_admin_or_trust() -> None:
    registries = Registries(("HF.co",))
    for model in ("m:latest", "hf.co/a/b:q4", "ollama.com/library/m:latest"):
        registries.check(NEIGHBOUR, ModelName(model))
    registries.check(OWNER, ModelName("evil.example/a/b:latest"))
    with pytest.raises(Forbidden, match=r"FLEET_REGISTRY_HOSTS=evil\.example"):
        registries.check(NEIGHBOUR, ModelName("evil.example/a/b:latest"))
