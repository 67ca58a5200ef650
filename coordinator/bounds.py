"""Settings that keep strangers' traffic within bounds: where it may lead, how much of it there may be."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from shared.constraints import EXPECTED
from shared.destinations.ranges import IpNetwork
from shared.destinations.rules import networks_of
from shared.settings import SettingsError


class Bounds(Struct, frozen=True, kw_only=True):
    """The part of the settings that is about them."""

    allowed_networks: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[0-9A-Fa-f.:]{2,43}/\d{1,3}\Z")], ...],
        Meta(
            description="networks, as `100.64.0.0/10`, in which nodes may be, beside the private ones",
            extra={EXPECTED: "networks such as 100.64.0.0/10,2001:db8:7::/64"},
        ),
    ] = ()
    image_urls: Annotated[
        Literal["refuse", "pass"],
        Meta(
            description="calls that name images by address, which an engine would fetch from its own machine: refuse"
            " or pass (data: URIs always pass)"
        ),
    ] = "refuse"
    json_depth: Annotated[
        int, Meta(ge=8, le=500, description="brackets of a request's JSON that may be open at once")
    ] = 100
    connections_per_address: Annotated[
        int, Meta(ge=1, description="connections that one address, other than loopback, may have open")
    ] = 256
    header_time: Annotated[
        float, Meta(gt=0, le=600, description="seconds from a request's first byte to the end of its headers")
    ] = 10.0

    def networks(self) -> tuple[IpNetwork, ...]:
        """`allowed_networks`, read. Raises SettingsError."""
        try:
            return networks_of(self.allowed_networks)
        except ValueError as error:
            raise SettingsError(f"FLEET_ALLOWED_NETWORKS: {error}") from error
