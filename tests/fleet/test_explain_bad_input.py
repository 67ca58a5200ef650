"""Bad bodies at /fleet/explain: refused as a call with them would be, and nothing else happens."""

from pathlib import Path

from tests.fleet.bad_input import CHATS, Case, bodies, refused_everywhere
from tests.fleet.raw_http import request
from tests.fleet.test_bad_input import BAD_FIELDS, BAD_OLLAMA_FIELDS, FIFTY_MB, NO_OBJECT

EXPLAIN = "/fleet/explain"


async def test_bad_bodies_are_refused_and_change_nothing(tmp_path: Path) -> None:
    """Both as Ollama's and as OpenAI's call."""
    paths = [f"{EXPLAIN}?dialect={dialect}" for dialect in ("ollama", "openai")]
    cases = [Case(name, bodies(body, paths), {400}) for name, body in NO_OBJECT.items()]
    for name, fields in BAD_FIELDS.items():
        cases.append(Case(name, bodies(b'{"input": "x", ' + fields + b"}", paths), {400}))
    for name, fields in BAD_OLLAMA_FIELDS.items():
        cases.append(Case(name, bodies(b'{"input": "x", ' + fields + b"}", paths[:1]), {400}))
    cases.append(Case("50 MB", {EXPLAIN: request("POST", EXPLAIN, FIFTY_MB)}, {413}))
    for query in ("limit=0", "limit=1001", "limit=x", "before=-1", "since=yesterday", "since=1e300"):
        path = f"/fleet/decisions?{query}"
        cases.append(Case(query, {path: request("GET", path, b"")}, {400}))
    odd = [f"{EXPLAIN}/{text}" for text in ("a%00b", "x" * 129, "%ff", "a%20b")]
    cases.append(Case("odd ids", {path: request("GET", path, b"") for path in odd}, {400}))
    cases.append(Case("another method", {EXPLAIN: request("PUT", EXPLAIN, b"{}")}, {405}, header="Allow"))
    assert not set(CHATS) & {path for case in cases for path in case.requests}
    await refused_everywhere(tmp_path, cases)
