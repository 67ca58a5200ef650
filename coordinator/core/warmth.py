"""Wait for a busy place that has the model loaded, or load it elsewhere?"""


def better_wait(ahead: int, slots: int, call_s: float | None, load_s: float) -> bool:
    """Whether a slot frees sooner than a load would take.

    `ahead`: calls that wait before this one; `slots`: of all busy places that have the model loaded; `call_s`: how long
    a call takes there, None where nothing was measured: then nothing is waited for; `load_s`: of the cold place.
    """
    if call_s is None or slots <= 0:
        return False
    return (ahead + 1) * call_s / slots < load_s
