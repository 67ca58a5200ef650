"""Nobody gets in who does not belong: real requests to a real coordinator, by loopback and by an address of the LAN."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from coordinator.access.routes import ROUTES
from tests.fleet.doors import FORWARDED, LAN, LOOPBACK, doors, filled, knock

JSON = "Content-Type: application/json"
PROMISED = ("Content-Length: 33554432", "Expect: 100-continue", JSON)
"""A body that never comes: who waits for it gives no answer in time."""
STRANGERS = ((LOOPBACK, FORWARDED), (LAN, "X-Nothing: 1"))


@pytest.fixture
async def closed(tmp_path: Path) -> AsyncIterator[dict[str, str]]:
    """As `herd` starts by itself, but for beats: those need a certificate."""
    async with doors(tmp_path) as urls:
        yield urls


@pytest.mark.parametrize(("way", "header"), STRANGERS, ids=["proxied", "LAN"])
async def test_a_stranger_is_refused_on_every_route_before_its_body_is_read(
    closed: dict[str, str], way: str, header: str
) -> None:
    routes = [each for each in ROUTES if not each.public and each.scopes.isdisjoint(("node", "join"))]
    for route in routes:
        refused = await knock(closed[way], route.method, filled(route), header, *PROMISED)
        assert refused.status == 401, (route, refused)  # with 100 it would be told to send the body
        assert refused.headers["www-authenticate"].startswith("Bearer")
        error = msgspec.json.decode(refused.body)["error"]
        text = error["message"] if route.path.startswith("/v1/") else error
        assert "herd key create" in text, route


@pytest.mark.parametrize(("way", "header"), STRANGERS, ids=["proxied", "LAN"])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/ch%61t"),
        ("POST", "/api%2Fchat"),
        ("GET", "/fleet/%73tatus"),
        ("GET", "//fleet/status"),
        ("GET", "/fleet/../fleet/status"),
        ("GET", "/health/../fleet/status"),
        ("GET", "/health%2f..%2ffleet/status"),
        ("GET", "/fleet/status/"),
        ("GET", "/fleet/status?x=/health"),
        ("GET", "/fleet/status;/health"),
        ("OPTIONS", "/fleet/status"),
        ("PUT", "/fleet/status"),
        ("OPTIONS", "*"),
        ("POST", "/health"),
        ("GET", "/nothing"),
        ("POST", "/api/create"),
        ("GET", "http://localhost/fleet/status"),
    ],
    ids=lambda value: value,
)
async def test_no_spelling_leads_past_the_gate(
    closed: dict[str, str], way: str, header: str, method: str, path: str
) -> None:
    assert (await knock(closed[way], method, path, header)).status == 401


async def test_a_stranger_is_told_of_health_only_what_everybody_may_know(closed: dict[str, str]) -> None:
    told = msgspec.json.decode((await knock(closed[LAN], "GET", "/health")).body)
    assert set(told) == {"status", "version", "coordinator_id", "open"}
    assert told["open"] is False
    async with aiohttp.ClientSession() as session:
        for path, status in (("/health", 200), ("/fleet/status", 401)):
            async with session.head(closed[LAN] + path) as response:
                assert response.status == status


async def test_a_caller_of_this_machine_by_the_network_is_told_where_it_needs_no_key(
    closed: dict[str, str],
) -> None:
    refused = await knock(closed[LAN], "GET", "/api/tags")
    told = msgspec.json.decode(refused.body)["error"]
    assert (refused.status, "herd key create" in told) == (401, True)
    place = told.partition("or ask by ")[2].partition(",")[0]
    assert place == closed[LOOPBACK]
    assert (await knock(place, "GET", "/api/tags")).status == 200
    assert "or ask by" not in (await knock(closed[LOOPBACK], "GET", "/api/tags", FORWARDED)).body.decode()


@pytest.mark.parametrize("way", [LOOPBACK, LAN])
async def test_foreign_names_and_pages_are_refused_on_every_bind(closed: dict[str, str], way: str) -> None:
    for route in ROUTES:
        asked = (closed[way], route.method, filled(route))
        assert (await knock(*asked, "Host: evil.example", *PROMISED)).status == 421, route
        if not route.public:
            assert (await knock(*asked, "Origin: http://evil.example", *PROMISED)).status == 403, route
            assert (await knock(*asked, "Sec-Fetch-Site: cross-site", *PROMISED)).status == 403, route


async def test_the_owner_and_the_own_page_are_served(closed: dict[str, str]) -> None:
    url = closed[LOOPBACK]
    assert (await knock(url, "GET", "/fleet/status", "Authorization: Bearer ollama")).status == 200
    own = (f"Origin: {url}", "Sec-Fetch-Site: same-origin", JSON)
    assert (await knock(url, "POST", "/fleet/nodes/x/cordon", *own, body=b"{}")).status in (200, 404)
    assert (await knock(url, "POST", "/api/show", body=b'{"model": "m"}')).status == 404
    assert (await knock(url, "GET", "/fleet/status", "Host: host.docker.internal:11435")).status == 200
    assert (await knock(url, "GET", "/nothing")).status == 404
    gone = await knock(url, "GET", "/fleet/status", "Authorization: Bearer sk-herd-aaaaaaaa-" + "x" * 43)
    assert gone.status == 401
    assert b"x" * 43 not in gone.body


async def test_open_mode_lets_neighbours_in_but_not_to_what_harms(tmp_path: Path) -> None:
    async with doors(tmp_path, open=True) as urls:
        told = msgspec.json.decode((await knock(urls[LAN], "GET", "/fleet/status")).body)
        assert told["open"] is True
        assert msgspec.json.decode((await knock(urls[LAN], "GET", "/health")).body)["open"] is True
        for method, path in (
            ("DELETE", "/api/delete"),
            ("POST", "/dashboard/api/delete"),
            ("DELETE", "/fleet/nodes/x"),
            ("POST", "/api/create"),
            ("POST", "/api/blobs/sha256:0"),
        ):
            refused = await knock(urls[LAN], method, path, JSON, body=b'{"model": "m"}')
            assert (refused.status, b"--scope admin" in refused.body) == (403, True), path
            owners = await knock(urls[LOOPBACK], method, path, JSON, body=b'{"model": "m"}')
            assert owners.status in (400, 404), path
        for path in ("/api/pull", "/dashboard/api/pull"):
            foreign = b'{"model": "evil.example/a/b", "node_id": "x"}'
            assert (await knock(urls[LAN], "POST", path, JSON, body=foreign)).status in (403, 404)
        pulled = await knock(urls[LAN], "POST", "/api/pull", JSON, body=b'{"model": "evil.example/a/b"}')
        assert (pulled.status, b"FLEET_REGISTRY_HOSTS" in pulled.body) == (403, True)
        assert (
            await knock(urls[LOOPBACK], "POST", "/api/pull", JSON, body=b'{"model": "evil.example/a/b"}')
        ).status == 400
        assert (await knock(urls[LAN], "GET", "/fleet/status", "Origin: http://evil.example")).status == 403
        assert (await knock(urls[LAN], "GET", "/fleet/status", "Host: evil.example")).status == 421


async def test_an_allowed_page_is_told_so_whatever_the_answer(tmp_path: Path) -> None:
    origin = "Origin: https://chat.example"
    async with doors(tmp_path, origins=("https://chat.example",), hostnames=("herd.example",)) as urls:
        url = urls[LOOPBACK]
        asking = await knock(
            url, "OPTIONS", "/v1/chat/completions", origin, "Access-Control-Request-Method: POST"
        )
        assert asking.status == 204
        assert asking.headers["access-control-allow-origin"] == "https://chat.example"
        refused = await knock(url, "POST", "/v1/chat/completions", origin, JSON, body=b"{}")
        assert refused.status == 401
        assert refused.headers["access-control-allow-origin"] == "https://chat.example"
        other = await knock(
            url, "OPTIONS", "/api/chat", "Origin: http://evil.example", "Access-Control-Request-Method: POST"
        )
        assert other.status == 403
        assert "access-control-allow-origin" not in other.headers
        assert (await knock(url, "GET", "/api/version", "Host: herd.example")).status == 200
