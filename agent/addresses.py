"""Addresses as people write them."""

from urllib.parse import urlsplit

COORDINATOR_PORT = 11435
OLLAMA_PORT = 11434


class NoAddress(Exception):
    """The text cannot be one; it says why."""


def ollama_url(host: str) -> str:
    """OLLAMA_HOST's spellings: with or without scheme and port; 0.0.0.0 is reached on loopback."""
    url = base_url(host, OLLAMA_PORT)
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//127.0.0.1:")


def base_url(text: str, port: int) -> str:
    """scheme://host:port, with http and `port` where they are left out. Raises NoAddress."""
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        name, port = parts.hostname, parts.port or port
        (name or "").encode("idna")  # as every look-up does
    except UnicodeError as error:
        why = "a part of the host's name is empty or too long, or has a character that none may have"
        raise NoAddress(f"{text!r} is no address: {why}") from error
    except ValueError as error:
        raise NoAddress(f"{text!r} is no address: {error}") from error
    if not name or parts.scheme not in ("http", "https"):
        raise NoAddress(f"{text!r} is no address; expected http://HOST:{port}")
    return f"{parts.scheme}://{f'[{name}]' if ':' in name else name}:{port}"
