"""Addresses as people write them."""

import re
from urllib.parse import urlsplit

from shared.destinations.rules import CHOSEN, check_host
from shared.destinations.urls import BadDestination

COORDINATOR_PORT = 11435
OLLAMA_PORT = 11434


class NoAddress(Exception):
    """The text cannot be one; it says why."""


def ollama_url(host: str) -> str:
    """OLLAMA_HOST's spellings: with or without scheme and port; 0.0.0.0 is reached on loopback."""
    return base_url(_on_loopback(host), OLLAMA_PORT)


def _on_loopback(host: str) -> str:
    return re.sub(r"(^|//)(?:0\.0\.0\.0|\[::\])(?=[:/]|$)", r"\g<1>127.0.0.1", host)


def base_url(text: str, port: int) -> str:
    """scheme://host:port, with http and `port` where they are left out. Raises NoAddress."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        name, port = parts.hostname, parts.port or port
        looked_up = (name or "").encode("idna").decode()  # as every look-up does
    except UnicodeError as error:
        why = "a part of the host's name is empty or too long, or has a character that none may have"
        raise NoAddress(f"{text!r} is no address: {why}") from error
    except ValueError as error:
        raise NoAddress(f"{text!r} is no address: {error}") from error
    if not name or parts.scheme not in ("http", "https") or "@" in parts.netloc or "\\" in text:
        raise NoAddress(f"{text!r} is no address; expected http://HOST:{port}")
    try:
        if not name.isascii() and "xn--" not in looked_up:
            raise BadDestination("its letters stand for others")
        check_host(looked_up, CHOSEN)
    except BadDestination as error:
        raise NoAddress(f"{text!r} is no address: {error}") from error
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{port}"
