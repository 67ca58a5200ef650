"""Who shows keys that are none: so many in a minute are refused with 401, further ones are slowed down. Pure, with
`now` in seconds of any clock.
"""

import ipaddress
import math
from collections import OrderedDict

from coordinator.access.token_bucket import TokenBucket

NETWORK_BITS = 64
"""Of an IPv6 address: the rest is its owner's to choose."""


class BadTries:
    """By the address from which they come. A key that is one is never held up by others from its address: 256 bits are
    not found by trying, and one client with an old key must not shut out its neighbours.
    """

    def __init__(self, per_minute: int, addresses: int) -> None:
        """`addresses`: those remembered, the ones that tried last."""
        self._per_minute = per_minute
        self._addresses = addresses
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def failed(self, address: str, now: float) -> int:
        """One more. Whole seconds after which the next makes sense; 0: it is not slowed down."""
        place = network_of(address)
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = TokenBucket(self._per_minute, now)
        self._buckets.move_to_end(place)
        if len(self._buckets) > self._addresses:
            self._buckets.popitem(last=False)
        return 0 if bucket.take(now) else max(1, math.ceil(bucket.seconds_until(1.0, now)))


def network_of(address: str) -> str:
    """What one caller can have many of counts as one: an IPv6 network of 64 bits; IPv4 written as IPv6 is IPv4."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed, NETWORK_BITS), strict=False))
