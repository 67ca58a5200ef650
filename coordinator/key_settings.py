"""Settings about callers' keys; part of the coordinator's."""

from typing import Annotated

from msgspec import Meta, Struct


class KeySettings(Struct, frozen=True, kw_only=True):
    """How long a caller may guess."""

    bad_keys: Annotated[
        int,
        Meta(ge=1, description="keys that are none which an address may show in a minute; then it gets 429"),
    ] = 10
    bad_key_addresses: Annotated[
        int, Meta(ge=1, description="addresses of which that is remembered, those that tried last")
    ] = 4_096
