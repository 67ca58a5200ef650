"""The cookie by which a browser shows its session. Pure."""

import re

SECURE, PLAIN = b"__Host-herd-session", b"herd-session"
"""Over TLS, and over plain HTTP. Two names: a browser that was here by TLS lets no plain answer replace its cookie."""
_TOKEN = re.compile(rb"[A-Za-z0-9_-]{43}")
_GONE = "; Max-Age=0"


def token_in(cookies: bytes) -> str:
    """Of the value of a Cookie header; empty: there is none of ours."""
    found: dict[bytes, bytes] = {}
    for each in cookies.split(b";"):
        name, _, value = each.strip().partition(b"=")
        if name in (SECURE, PLAIN) and _TOKEN.fullmatch(value):
            found.setdefault(name, value)
    return (found.get(SECURE) or found.get(PLAIN, b"")).decode()


def kept(token: str, lives_s: float, *, secure: bool) -> str:
    """The value of Set-Cookie that has a browser show it, to this origin's own pages and to no script."""
    return _set(token, secure=secure) + f"; Max-Age={lives_s:.0f}"


def forgotten() -> list[str]:
    """Those that have a browser forget what it kept, by whichever name."""
    return [_set("", secure=secure) + _GONE for secure in (False, True)]


def _set(token: str, *, secure: bool) -> str:
    name = (SECURE if secure else PLAIN).decode()
    return f"{name}={token}; Path=/; HttpOnly; SameSite=Strict" + ("; Secure" if secure else "")
