"""Somebody on another machine who logs in by hand, as a browser would."""

from pathlib import Path
from urllib.parse import quote_plus, urlsplit

from tests.fakes.waiting import eventually
from tests.fleet.doors import knock
from tests.fleet.keyed import a_key
from tests.fleet.raw_http import Reply

HTML = "Accept: text/html,application/xhtml+xml"
FORM = "Content-Type: application/x-www-form-urlencoded"


def origin(url: str) -> str:
    """The header of a page of that coordinator's own."""
    return f"Origin: {url}"


async def submitted(url: str, key: str, *headers: str) -> Reply:
    """The login page's form, with that in it. `headers`: whole lines, in place of the own page's."""
    told = headers or (origin(url),)
    return await knock(url, "POST", "/dashboard/login", FORM, *told, body=f"key={quote_plus(key)}".encode())


async def logged_in(url: str, key: str) -> str:
    """The header that a browser sends from then on."""
    reply = await submitted(url, key)
    assert (reply.status, reply.headers.get("location")) == (303, "/dashboard"), reply
    return f"Cookie: {reply.headers['set-cookie'].partition(';')[0]}"


async def known_key(directory: Path, url: str, name: str, *scopes: str) -> str:
    """A new one of the coordinator whose harness keeps `directory`, once it counts."""
    key = await a_key(directory, name, *(word for each in scopes for word in ("--scope", each)))

    async def counts() -> bool:
        # By loopback: a key that is not known yet counts as a wrong one of the address that shows it.
        nearby = reached(url, "127.0.0.1")
        return (await knock(nearby, "GET", "/fleet/status", f"X-Api-Key: {key}")).status in (200, 403)

    await eventually(counts)
    return key


def reached(address: str, host: str) -> str:
    """The same coordinator by another address of this machine."""
    return f"http://{host}:{urlsplit(address).port}"
