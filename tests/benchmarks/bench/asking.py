"""Small questions to the programs around a measurement, which wait for their answers."""

import http.client
from typing import Any
from urllib.parse import urlsplit

import msgspec

TIMEOUT_S = 5.0


def ask(
    url: str, path: str, method: str = "GET", body: bytes | None = None, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    """Status and body; 0 and nothing where there is no answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def told(url: str, path: str) -> Any:
    """The JSON of a good answer, else None."""
    status, body = ask(url, path)
    return msgspec.json.decode(body) if status == 200 else None
