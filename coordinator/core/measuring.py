"""What a call that ended well tells of its node: made from the moments that the Desk knows of it."""

from coordinator.core.call import Tokens
from coordinator.core.node import Node
from coordinator.core.open_call import OpenCall
from coordinator.core.paces import Run


def run(ended: OpenCall, node: Node, tokens: Tokens, now: float) -> Run | None:
    """None: it took no time that says anything."""
    seconds = now - ended.placed_at
    if seconds <= 0:
        return None
    read_s = None if ended.first_byte_at is None else ended.first_byte_at - ended.placed_at
    whole = read_s is None or not ended.call.stream
    beside = _beside(ended.work_at_start, node.work(now), seconds)
    reading = writing = beside
    if not whole and read_s is not None:
        reading = _beside(ended.work_at_start, ended.work_at_first_byte, read_s)
        writing = _beside(ended.work_at_first_byte, node.work(now), seconds - read_s)
    return Run(
        prompt_tokens=tokens.prompt,
        answer_tokens=tokens.completion,
        first_byte_s=None if whole else read_s,
        seconds=seconds,
        reading_beside=reading,
        writing_beside=writing,
        loaded=ended.found_loaded,
        cached=ended.found_cached,
    )


def _beside(before: float, after: float, seconds: float) -> float:
    """Calls on the node beside this one, on average, from its call-seconds before and after."""
    return max(0.0, (after - before) / seconds - 1) if seconds > 0 else 0.0
