"""Whom a request was for that cannot be read: dialects differ in how they refuse it. Pure."""

import re

from shared.http1.heads import RequestHead

_FIRST_LINE = re.compile(rb"([A-Z]+) (/[!-~]*) HTTP/1\.[01]\r?\n")


def addressed(data: bytes) -> RequestHead | None:
    """Method and target, by the first line alone: for the words of the refusal, and nothing else."""
    found = _FIRST_LINE.match(data)
    return RequestHead(found[1], found[2], []) if found else None
