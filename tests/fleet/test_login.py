"""The dashboard from another machine: a real coordinator, asked by an address that is not loopback."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from coordinator.dashboard.login import FORM_LIMIT
from tests.fakes.waiting import eventually
from tests.fleet.doors import FORWARDED, knock, lan_address
from tests.fleet.harness import Herd
from tests.fleet.harness import herd as coordinator
from tests.fleet.keyed import a_key, key_verb, left
from tests.fleet.logging_in import FORM, HTML, known_key, logged_in, origin, reached, submitted

REVOKED_S = 1.0
ENDED_S = 3.0
JSON = "Content-Type: application/json"
WRONG = f"sk-herd-abcdefgh-{'W' * 43}"


@pytest.fixture
async def herd(tmp_path: Path) -> AsyncIterator[Herd]:
    """Closed, and listening everywhere."""
    async with coordinator(tmp_path, host="0.0.0.0", mdns=False, bad_keys=30, open=False) as there:
        yield there


@pytest.fixture
def url(herd: Herd) -> str:
    """As another machine would call it."""
    return reached(herd.address, lan_address())


async def test_a_browser_is_shown_a_page_that_asks_for_a_key_and_loads_nothing(herd: Herd, url: str) -> None:
    for path in ("/dashboard", "/dashboard/", "/dashboard/login"):
        for headers in (
            (HTML,),
            (HTML, "Sec-Fetch-Mode: navigate"),
            (HTML, "Cookie: herd-session=" + "x" * 43),
        ):
            shown = await knock(url, "GET", path, *headers)
            assert (shown.status, shown.headers["content-type"]) == (401, "text/html; charset=utf-8")
            assert shown.headers["cache-control"] == "no-store"
            assert "set-cookie" not in shown.headers
            policy = shown.headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; style-src 'sha256-")
            assert "unsafe" not in policy
            page = shown.body.decode()
            assert 'name="key"' in page
            assert not [
                word for word in ("<script", "src=", "href=", "url(", "{style}", "{notice}") if word in page
            ]
    refusals: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("/dashboard", ()),
        ("/dashboard", (HTML, "Sec-Fetch-Mode: cors")),
        ("/fleet/status", (HTML,)),
        ("/dashboard/page.js", (HTML,)),
        ("/dashboard/nothing", (HTML,)),
        ("/", (HTML,)),
    )
    for path, told in refusals:
        refused = await knock(url, "GET", path, *told)
        assert (refused.status, refused.headers["content-type"]) == (401, "application/json"), path
    assert (await knock(herd.address, "GET", "/dashboard", HTML)).status == 200
    proxied = await knock(herd.address, "GET", "/dashboard", HTML, FORWARDED)
    assert (proxied.status, b'name="key"' in proxied.body) == (401, True)


async def test_a_key_opens_the_dashboard_and_logging_out_closes_it(url: str, tmp_path: Path) -> None:
    key = await known_key(tmp_path, url, "screen", "read")
    cookie = await logged_in(url, key)
    page = await knock(url, "GET", "/dashboard", HTML, cookie)
    assert (page.status, b"page.js" in page.body) == (200, True)
    for path in ("/dashboard/page.js", "/fleet/status", "/dashboard/api/health", "/dashboard/icon.svg"):
        assert (await knock(url, "GET", path, cookie)).status == 200
    told = msgspec.json.decode((await knock(url, "GET", "/dashboard/session", cookie)).body)
    assert told == {"kind": "key", "name": "screen", "scopes": ["read"], "session": True}
    assert (await knock(url, "GET", "/dashboard/login", HTML, cookie)).status == 303
    assert (await knock(url, "POST", "/dashboard/logout", FORM, cookie)).status == 403
    assert (await knock(url, "GET", "/dashboard", cookie)).status == 200, "no page of ours has logged it out"
    out = await knock(url, "POST", "/dashboard/logout", FORM, cookie, origin(url))
    assert (out.status, out.headers["location"]) == (303, "/dashboard")
    assert "Max-Age=0" in out.headers["set-cookie"]
    assert (await knock(url, "GET", "/dashboard", HTML, cookie)).status == 401


async def test_the_cookie_is_kept_for_its_own_origin_and_its_time(url: str, tmp_path: Path) -> None:
    key = await known_key(tmp_path, url, "screen", "read")
    plain = (await submitted(url, key)).headers["set-cookie"].split("; ")
    assert plain[0].startswith("herd-session=")
    assert set(plain[1:]) == {"Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=43200"}
    proxied = await submitted(url, key, origin(url.replace("http:", "https:")), FORWARDED)
    secure = proxied.headers["set-cookie"].split("; ")
    assert secure[0].startswith("__Host-herd-session=")
    assert "Secure" in secure
    first = await logged_in(url, key)
    again = await knock(url, "POST", "/dashboard/login", FORM, first, origin(url), body=f"key={key}".encode())
    assert again.status == 303
    assert (await knock(url, "GET", "/dashboard", first)).status == 401, "one browser has one session"


async def test_nobody_is_logged_in_by_a_page_of_somebody_else(url: str, tmp_path: Path) -> None:
    key = await known_key(tmp_path, url, "screen", "read")
    own_host = "http://" + lan_address()
    for told in ("http://evil.example", "null", "", own_host, own_host + ":1"):
        refused = await submitted(url, key, f"Origin: {told}")
        assert (refused.status, "set-cookie" in refused.headers) == (403, False), told
    for headers in (("X-Nothing: 1",), (origin(url), "Sec-Fetch-Site: same-site")):
        assert (await submitted(url, key, *headers)).status == 403
    assert (await submitted(url, key, "Host: evil.example", "Origin: http://evil.example")).status == 421


async def test_orders_by_cookie_are_those_of_the_own_page_and_of_the_scopes(url: str, tmp_path: Path) -> None:
    looks = await logged_in(url, await known_key(tmp_path, url, "looks", "read"))
    works = await logged_in(url, await known_key(tmp_path, url, "works", "read", "operate"))
    order = (url, "POST", "/fleet/nodes/x/cordon")
    refused = await knock(*order, looks, origin(url), JSON, body=b"{}")
    assert refused.status == 403
    assert "the key looks lacks the scope operate" in msgspec.json.decode(refused.body)["error"]
    assert (await knock(*order, works, origin(url), JSON, body=b"{}")).status == 404
    for headers, status in (
        ((JSON,), 403),
        ((JSON, f"Origin: http://{lan_address()}:3000"), 403),
        ((FORM, origin(url)), 415),
    ):
        assert (await knock(*order, works, *headers, body=b"{}")).status == status
    deletion = await knock(url, "POST", "/dashboard/api/delete", works, origin(url), JSON, body=b"{}")
    assert deletion.status == 403


async def test_a_wrong_key_is_told_so_and_many_are_slowed_down(tmp_path: Path) -> None:
    async with coordinator(tmp_path, host="0.0.0.0", mdns=False, bad_keys=3, open=False) as herd:
        url = reached(herd.address, lan_address())
        key, calls = [await known_key(tmp_path, herd.address, name, name) for name in ("read", "infer")]
        lacking = await submitted(url, calls)
        assert (lacking.status, b"lacks the scope read" in lacking.body) == (403, True)
        wrong = [await submitted(url, each) for each in (WRONG, "", "<script>")]
        assert {each.status for each in wrong} == {401}
        assert all(b'role="alert"' in each.body and b"<script" not in each.body for each in wrong)
        assert not [each for each in wrong if WRONG.encode() in each.body]
        slowed = await submitted(url, WRONG)
        assert (slowed.status, slowed.headers["content-type"]) == (429, "text/html; charset=utf-8")
        assert 1 <= int(slowed.headers["retry-after"]) <= 20
        header = await knock(url, "GET", "/fleet/status", f"Authorization: Bearer {WRONG}")
        assert header.status == 429, "one count for both ways"
        assert await logged_in(url, key)


async def test_a_form_that_is_none_costs_little(url: str) -> None:
    promised = (FORM, origin(url), "Content-Length: 60")
    slow = asyncio.create_task(knock(url, "POST", "/dashboard/login", *promised))
    large = b"key=" + b"x" * FORM_LIMIT
    assert (await knock(url, "POST", "/dashboard/login", FORM, origin(url), body=large)).status == 413
    for odd in (b"\xff\xfe", b"&" * 4_000, b"key", b"key=%", b"key=%ff%00", b'{"key": 1}', b"key=a&key=b"):
        assert (await knock(url, "POST", "/dashboard/login", FORM, origin(url), body=odd)).status == 401, odd
    assert (await slow).status == 408


async def test_the_cookie_of_a_revoked_key_is_refused_within_a_second(url: str, tmp_path: Path) -> None:
    cookie = await logged_in(url, await known_key(tmp_path, url, "screen", "read"))
    other = await logged_in(url, await known_key(tmp_path, url, "other", "read"))
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /fleet/events HTTP/1.1\r\nHost: {host}:{port}\r\n{cookie}\r\n\r\n".encode())
    assert b"200 OK" in await reader.readline()
    assert (await key_verb(tmp_path, "revoke", "screen")).code == 0
    since = time.monotonic()
    while (await knock(url, "GET", "/dashboard", cookie)).status == 200:
        assert time.monotonic() - since < REVOKED_S
    async with asyncio.timeout(REVOKED_S):
        with contextlib.suppress(ConnectionResetError):
            await reader.read()  # what it looked on at has ended, too
    writer.close()
    assert (await knock(url, "GET", "/dashboard", other)).status == 200


@contextlib.asynccontextmanager
async def looks_on(url: str, header: str) -> AsyncIterator[asyncio.StreamReader]:
    """At what happens; its answer has begun."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"GET /fleet/events HTTP/1.1\r\nHost: {host}:{port}\r\n{header}\r\n\r\n".encode())
    assert b"200 OK" in await reader.readline()
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


async def test_what_somebody_looks_on_at_ends_as_they_log_out(url: str, tmp_path: Path) -> None:
    key = await known_key(tmp_path, url, "screen", "read")
    cookie, other = await logged_in(url, key), await logged_in(url, key)
    async with looks_on(url, cookie) as seen, looks_on(url, other) as others:
        assert (await knock(url, "POST", "/dashboard/logout", FORM, cookie, origin(url))).status == 303
        async with asyncio.timeout(ENDED_S):
            await seen.readuntil(b"\r\n0\r\n\r\n")  # in order
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.0):
                await others.readuntil(b"\r\n0\r\n\r\n")
    assert (await knock(url, "GET", "/dashboard", other)).status == 200


async def test_what_somebody_looks_on_at_ends_with_their_time(tmp_path: Path) -> None:
    hours = 5 / 3_600
    async with coordinator(tmp_path, host="0.0.0.0", mdns=False, session_hours=hours, open=False) as herd:
        url = reached(herd.address, lan_address())
        cookie = await logged_in(url, await known_key(tmp_path, url, "screen", "read"))
        short = await a_key(tmp_path, "short", "--scope", "read", "--expires", "5s")
        shown = f"X-Api-Key: {short}"

        async def counts() -> bool:
            return (await knock(url, "GET", "/fleet/status", shown)).status == 200

        await eventually(counts, 2.5)
        async with (
            looks_on(url, cookie) as seen,
            looks_on(url, shown) as by_key,
            asyncio.timeout(hours * 3_600 + ENDED_S),
        ):
            for each in (seen, by_key):
                await each.readuntil(b"\r\n0\r\n\r\n")
        assert (await knock(url, "GET", "/dashboard", cookie)).status == 401


async def test_a_restart_logs_everybody_out(tmp_path: Path) -> None:
    there: dict[str, object] = {"host": "0.0.0.0", "mdns": False, "open": False}
    async with coordinator(tmp_path, **there) as herd:  # type: ignore[arg-type]
        url = reached(herd.address, lan_address())
        cookie = await logged_in(url, await known_key(tmp_path, url, "screen", "read"))
        assert (await knock(url, "GET", "/dashboard", cookie)).status == 200
    async with coordinator(tmp_path, **there) as herd:  # type: ignore[arg-type]
        assert (await knock(reached(herd.address, lan_address()), "GET", "/dashboard", cookie)).status == 401


async def test_neither_key_nor_cookie_is_left_anywhere(tmp_path: Path) -> None:
    async with coordinator(
        tmp_path, host="0.0.0.0", mdns=False, bad_keys=2, open=False, log_level="DEBUG"
    ) as herd:
        url = reached(herd.address, lan_address())
        key = await known_key(tmp_path, url, "marked", "read")
        cookie = await logged_in(url, key)
        token = cookie.rpartition("=")[2]
        answers = [
            await knock(url, "GET", path, cookie) for path in ("/fleet/status", "/nothing", "/metrics")
        ]
        answers += [await knock(url, "POST", "/api/chat", cookie, origin(url), JSON, body=b"{}")]
        answers += [await submitted(url, key + "~") for _ in range(4)]
        answers += [await knock(url, "GET", path, cookie) for path in ("/dashboard/session", "/fleet/logs")]
    assert {each.status for each in answers} >= {200, 401, 403, 404, 429}
    files = left(tmp_path)
    for secret in (token.encode(), key[-43:].encode()):
        assert not [each for each in answers if secret in each.body + repr(each.headers).encode()]
        assert "herd.jsonl" in {Path(name).name for name in files}
        assert [name for name, content in files.items() if secret in content] == []
