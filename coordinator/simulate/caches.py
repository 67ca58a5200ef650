"""Prompts that an engine has read and still knows: one in each slot. A call takes the slot that knows most of it."""

from collections.abc import Sequence

BLOCK = 512
"""Tokens of a block of a prompt. A block's number stands for itself and all before it."""

Blocks = tuple[int, ...]


class Slot:
    """Of one model in memory."""

    __slots__ = ("blocks", "call_id", "used")

    def __init__(self) -> None:
        self.blocks: Blocks = ()
        self.call_id = ""
        """Empty: it is free."""
        self.used = 0


class Slots:
    """Of one model in memory. `most`: calls at once."""

    def __init__(self, most: int) -> None:
        self.all = [Slot() for _ in range(most)]
        self._uses = 0

    @property
    def busy(self) -> int:
        """Calls that run."""
        return sum(1 for slot in self.all if slot.call_id)

    def take(self, call_id: str, blocks: Blocks) -> int | None:
        """The slot that knows most of the prompt, else the one used longest ago; the tokens that need no reading.
        None: no slot is free.
        """
        free = [slot for slot in self.all if not slot.call_id]
        if not free:
            return None
        known = [(common(slot.blocks, blocks), -slot.used) for slot in free]
        best = max(range(len(free)), key=known.__getitem__)
        slot, self._uses = free[best], self._uses + 1
        slot.call_id, slot.blocks, slot.used = call_id, blocks, self._uses
        return known[best][0] * BLOCK

    def free(self, call_id: str, *, whole: bool = True) -> bool:
        """The call has ended; not `whole`: its prompt may not have been read. Whether it was here."""
        for slot in self.all:
            if slot.call_id == call_id:
                slot.call_id = ""
                slot.blocks = slot.blocks if whole else ()
                return True
        return False


def common(known: Sequence[int], asked: Sequence[int]) -> int:
    """Blocks that both begin with."""
    count = 0
    for one, other in zip(known, asked, strict=False):
        if one != other:
            break
        count += 1
    return count
