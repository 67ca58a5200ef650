"""What stands in messages between the programs: texts and numbers, each with its bounds."""

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(max_length=512, pattern=r"^[^\x00-\x1f\x7f]+\Z")]
NodeName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")]
EngineName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}\Z")]
Host = Annotated[
    str,
    Meta(
        pattern=r"^(?:|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|[0-9A-Fa-f]*:[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*(?:%[\w.-]{1,32})?)\Z",
        max_length=253,
    ),
]
"""A name, an IPv4 address, or an IPv6 one without brackets; empty: not given."""
Count = Annotated[int, Meta(ge=0, le=2**53)]
Slots = Annotated[int, Meta(ge=1, le=65_536)]
Few = Annotated[int, Meta(ge=1, le=1024)]
Percent = Annotated[float, Meta(ge=0, le=100)]
Celsius = Annotated[float, Meta(ge=-100, le=250)]
Label = Annotated[str, Meta(max_length=128)]
Price = Annotated[float, Meta(ge=0, le=1e6)]
