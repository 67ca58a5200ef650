"""How seldom the garbage collector looks. In a process of its own: the collector is all of a process's."""

import subprocess
import sys

from shared.collecting import MIDDLING, OLD, YOUNG

CHECKS = """
import gc
from shared.collecting import collect_seldom

class Node:
    pass

def cycles():
    for _ in range(200_000):
        node = Node()
        node.itself = node

collect_seldom()
print(gc.get_freeze_count() > 1_000, gc.get_threshold(), len(gc.get_objects()) < gc.get_freeze_count())
looks = gc.get_stats()[2]["collections"]
cycles()
print(sum(isinstance(each, Node) for each in gc.get_objects()) <= gc.get_threshold()[0])
print(gc.get_stats()[2]["collections"] - looks)
"""


def test_what_is_there_at_the_start_is_left_alone_and_garbage_still_goes() -> None:
    done = subprocess.run([sys.executable, "-c", CHECKS], check=True, capture_output=True, text=True)
    frozen, bounded, old = done.stdout.splitlines()
    assert frozen == f"True {(YOUNG, MIDDLING, OLD)} True"
    assert bounded == "True"
    assert old == "0", "no pause for all of it"
