"""The settings that say who may do what: a part of the coordinator's."""

from typing import Annotated

from msgspec import Meta

from coordinator.bounds import Bounds
from shared.constraints import EXPECTED


def _about(text: str) -> Meta:
    return Meta(description=text)


class AccessSettings(Bounds, frozen=True, kw_only=True):
    """As those in config.py."""

    open: Annotated[
        bool,
        _about(
            "open mode, for a network at home: everybody near may call and operate, nodes join without asking"
        ),
    ] = False
    bad_keys: Annotated[
        int,
        Meta(ge=1),
        _about("keys that are none which an address may show in a minute, before it is slowed down"),
    ] = 10
    bad_key_addresses: Annotated[
        int, Meta(ge=1), _about("addresses of which that is remembered, those that tried last")
    ] = 4_096
    session_hours: Annotated[
        float,
        Meta(gt=0, le=8_784),
        _about("hours after which a browser that logged in with a key has to do it again"),
    ] = 12.0
    sessions: Annotated[
        int,
        Meta(ge=1, le=10_000),
        _about("browsers that may be logged in with one key at once; a further one logs out the oldest"),
    ] = 32
    hostnames: Annotated[
        tuple[str, ...],
        _about("further names or addresses of this machine, by which callers may ask for it"),
    ] = ()
    origins: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#\s,]+\Z")], ...],
        Meta(extra={EXPECTED: "origins such as https://chat.example:8443, with commas between"}),
        _about("web pages of other origins that may ask, with a key, as `https://chat.example`"),
    ] = ()
    tokens: Annotated[
        int, Meta(ge=1, le=10_000), _about("tokens for joining that may be handed out at once")
    ] = 100
    pending_limit: Annotated[
        int,
        Meta(ge=1, le=10_000),
        _about("agents that may wait for an approval at once, a quarter of them from one address"),
    ] = 32
