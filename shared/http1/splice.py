"""An upstream's body into an answer, piece by piece as they come: no task, no queue, one write each."""

from collections.abc import Callable

from shared.http1.client import Response
from shared.http1.exchange import Exchange

Through = Callable[[bytes, bool], bytes]
"""What goes on of the bytes that came; whether these were the last. What it raises ends the splice, not the answer."""


async def splice(response: Response, exchange: Exchange, through: Through | None = None) -> None:
    """To the end of both. A client that takes no bytes holds the upstream.

    Raises what `through` raises, BrokenOff and Malformed: the answer is then open still, to be ended or aborted; the
    response is closed. Cancelled, it leaves both to its caller.
    """

    def sink(data: bytes, last: bool) -> None:
        out = data if through is None else through(data, last)
        if last:
            exchange.end(out)
        elif out:
            exchange.write(out)

    if (all_of_it := response.come()) is not None:
        sink(all_of_it, True)
        return
    exchange.push_back(response)
    try:
        await response.pour(sink)
    except Exception:
        response.close()
        raise
    finally:
        exchange.push_back(None)
