"""The garbage collector, set for a program that has started and serves for months."""

import gc

YOUNG = 10_000
"""Objects made and not freed before the young ones are looked through: a call leaves no cycles, so that looking after
every 700, as is usual, was a tenth of a busy program's time. What waits here is a few megabytes. Those made in the
stead of others that went are not counted, so that a look takes longer than it seems: with 50,000, up to 110 ms. So
values of which each call leaves some, and which can be in no cycle, are declared with `gc=False`."""
MIDDLING = 10
"""Of these looks until those that survived one are looked through, too."""
OLD = 100
"""Of those until all are."""


def collect_seldom() -> None:
    """What there is now stays for good, modules and tables above all, and is never looked through again: that stood
    still for 26 to 58 ms at a time. To be called once all is there that is needed before the first call.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLING, OLD)
