"""Where a message's body ends, told by its head alone. Pure. Whatever could be read in two ways is refused."""

from shared.http1.faults import BadMessage
from shared.http1.heads import LONGEST_LENGTH, Head, RequestHead, ResponseHead

CHUNKED = -1
UNTIL_CLOSE = -2

_BODILESS = (204, 304)


def request_length(head: RequestHead) -> int:
    """Bytes, or CHUNKED. Raises BadMessage."""
    length = _told(head)
    return 0 if length is None else length


def response_length(head: ResponseHead, method: bytes) -> int:
    """Bytes, CHUNKED or UNTIL_CLOSE; `method`: of the request. Raises BadMessage."""
    length = _told(head)
    if method == b"HEAD" or bodiless(head.status):
        return 0
    return UNTIL_CLOSE if length is None else length


def bodiless(status: int) -> bool:
    """Whether an answer of this status ends with its head."""
    return status < 200 or status in _BODILESS


def _told(head: Head) -> int | None:
    coding = head.fields.get(b"transfer-encoding")
    length = head.fields.get(b"content-length")
    if coding is not None:
        if length is not None:
            raise BadMessage("both Content-Length and Transfer-Encoding")
        if head.minor == 0 or coding.lower() != b"chunked":
            raise BadMessage("a Transfer-Encoding other than chunked")
        return CHUNKED
    if length is None:
        return None
    if not length.isdigit() or len(length) > LONGEST_LENGTH:
        raise BadMessage("a bad Content-Length")
    return int(length)
