"""Wait for a busy place that has the model loaded, or load it elsewhere?"""


def better_wait(slots: int, call_s: float, load_s: float) -> bool:
    """Whether a slot should be free sooner than a load would take. How many wait is left out: where that goes on,
    the model is loaded elsewhere beside the calls (pre-warming), not in the way of one of them.

    `slots`: of all busy places that have the model; `call_s`: how long a call takes there; `load_s`: of the cold place.
    """
    return slots > 0 and call_s / slots < load_s
