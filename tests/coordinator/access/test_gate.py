"""The gate as a whole: what it remembers changes no answer. Nothing of it costs a call more than a few microseconds."""

import random
import timeit

import pytest

from coordinator.access.cors import Cors
from coordinator.access.decision import Mode
from coordinator.access.gate import HOLDS_S, REMEMBERED, Gate, NoKeys
from coordinator.access.hosts import TRUSTED_S, Hosts
from coordinator.access.principal import Principal
from coordinator.access.routes import ROUTES, Route
from shared.errors import FleetError, NoAccess
from shared.http1.heads import RequestHead
from tests.coordinator.access.asking import KEYS, row

CHAT = row("POST", "/api/chat")
MOST_US = 20.0


class Door:
    """A gate with a clock and addresses."""

    def __init__(self) -> None:
        self.now, self.own = 0.0, ["192.168.1.5"]
        self.gate = self.fresh()

    def fresh(self) -> Gate:
        hosts = Hosts("den", (), lambda: self.own, lambda: self.now)
        return Gate(NoKeys(), hosts, Cors(()), Mode(), lambda: self.now)


def asked(gate: Gate, peer: str, host: str, route: Route = CHAT, *headers: tuple[bytes, bytes]) -> int | str:
    head = RequestHead(route.method.encode(), route.path.encode(), [(b"Host", host.encode()), *headers])
    try:
        return gate.admit(head, peer, route).kind
    except FleetError as error:
        return error.status


def test_what_is_remembered_changes_no_answer() -> None:
    door, chance = Door(), random.Random(7)
    headers = (
        (b"Origin", b"http://evil.example"),
        (b"Via", b"1.1 x"),
        (b"Authorization", b"Bearer sk-herd-x"),
        (b"Content-Type", b"application/json"),
    )
    for _ in range(5_000):
        door.now += chance.random()
        peer = chance.choice(("127.0.0.1", "192.168.1.5", "8.8.8.8"))
        host, route = chance.choice(("localhost", "evil.example", "x.local")), chance.choice(ROUTES)
        told = chance.sample(headers, chance.choice((0, 0, 1, 1, 2)))
        once, anew = (asked(gate, peer, host, route, *told) for gate in (door.gate, door.fresh()))
        assert once == anew, (peer, host, route, told)


def test_an_address_that_is_gone_is_forgotten() -> None:
    door = Door()
    assert asked(door.gate, "127.0.0.1", "192.168.1.5") == "owner"
    door.own = []
    door.now += TRUSTED_S + HOLDS_S
    assert asked(door.gate, "127.0.0.1", "192.168.1.5") == 421


def test_a_caller_of_this_machine_by_the_network_is_told_of_loopback() -> None:
    door = Door()
    head = RequestHead(b"POST", b"/api/chat", [(b"Host", b"192.168.1.5:11435")])
    with pytest.raises(NoAccess, match=r"ask by http://127\.0\.0\.1:11435"):
        door.gate.admit(head, "192.168.1.5", CHAT)
    with pytest.raises(NoAccess, match="a caller from another machine"):
        door.gate.admit(head, "192.168.1.6", CHAT)


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        (b"Origin", b"http://evil.example", 403),
        (b"Sec-Fetch-Site", b"cross-site", 403),
        (b"Authorization", b"Bearer sk-herd-gone", 401),
        (b"X-Api-Key", b"sk-herd-gone", 401),
        (b"X-Forwarded-For", b"192.168.1.9", 401),
    ],
)
def test_a_header_that_tells_more_is_heard_behind_a_request_without_it(
    name: bytes, value: bytes, status: int
) -> None:
    door = Door()
    assert asked(door.gate, "127.0.0.1", "localhost") == "owner"
    assert asked(door.gate, "127.0.0.1", "localhost", CHAT, (name, value)) == status
    assert asked(door.gate, "127.0.0.1", "localhost") == "owner"


def test_an_order_is_judged_each_time() -> None:
    """What is remembered of one that was JSON lets no form in."""
    door, stop = Door(), row("POST", "/fleet/stop")
    told = (b"Content-Type", b"application/json")
    assert asked(door.gate, "127.0.0.1", "localhost", stop, told) == "owner"
    assert asked(door.gate, "127.0.0.1", "localhost", stop) == 415


def test_a_certificate_is_looked_at_each_time() -> None:
    door, health = Door(), row("GET", "/health")
    head = RequestHead(b"GET", b"/health", [(b"Host", b"evil.example")])
    assert asked(door.gate, "192.168.1.7", "localhost", health) == "stranger"
    assert door.gate.admit(head, "192.168.1.7", health, "node-1").kind == "node"
    assert asked(door.gate, "192.168.1.7", "evil.example", health) == 421


def test_an_allowed_page_is_no_owner() -> None:
    hosts = Hosts("den", (), lambda: ["192.168.1.5"], lambda: 0.0)
    gate = Gate(NoKeys(), hosts, Cors(("https://chat.example",)), Mode())
    for origin, status in ((b"https://chat.example", 401), (b"https://evil.example", 403)):
        assert asked(gate, "127.0.0.1", "localhost", CHAT, (b"Origin", origin)) == status
    assert asked(gate, "127.0.0.1", "localhost", CHAT) == "owner"


def test_keys_that_are_none_are_told_to_who_counts_them_and_no_others() -> None:
    class Ring:
        def find(self, secret: str) -> Principal | None:
            return KEYS.get(secret)

    counted: list[str] = []
    hosts = Hosts("den", (), list, lambda: 0.0)
    gate = Gate(Ring(), hosts, Cors(()), Mode(), slow_down=counted.append)
    for key, expected in (("sk-herd-infer", "key"), *2 * (("sk-herd-gone", 401),), ("ollama", 401)):
        told = (b"Authorization", b"Bearer " + key.encode())
        assert asked(gate, "192.168.1.7", "localhost", CHAT, told) == expected
    assert counted == 2 * ["192.168.1.7"]


def test_a_session_is_asked_about_each_time() -> None:
    there = {"T" * 43: KEYS["sk-herd-infer"]}
    hosts = Hosts("den", (), lambda: ["192.168.1.5"], lambda: 0.0)
    gate = Gate(NoKeys(), hosts, Cors(()), Mode(), lambda: 0.0, sessions=there.get)
    tags, cookie = row("GET", "/api/tags"), (b"Cookie", b"herd-session=" + b"T" * 43)
    assert asked(gate, "192.168.1.7", "192.168.1.5", tags, cookie) == "key"
    assert asked(gate, "192.168.1.7", "192.168.1.5", tags) == 401
    assert asked(gate, "192.168.1.7", "192.168.1.5", tags, cookie) == "key"
    there.clear()
    assert asked(gate, "192.168.1.7", "192.168.1.5", tags, cookie) == 401


def test_many_callers_are_not_all_remembered() -> None:
    door = Door()
    for number in range(3 * REMEMBERED):
        asked(door.gate, f"127.0.{number // 256}.{number % 256}", "localhost")
    assert len(door.gate._known) <= REMEMBERED


@pytest.mark.alone
def test_a_call_of_the_owner_costs_microseconds() -> None:
    door = Door()
    fields = [(b"Host", b"127.0.0.1:11435"), (b"Content-Type", b"application/json"), (b"Accept", b"*/*")]
    head = RequestHead(b"POST", b"/api/chat", [*fields, (b"Content-Length", b"120"), (b"User-Agent", b"x")])
    rounds = 20_000
    took = min(timeit.repeat(lambda: door.gate.admit(head, "127.0.0.1", CHAT), number=rounds, repeat=5))
    assert took / rounds * 1e6 < MOST_US
