"""What the agents tell of their engines: the last events of a node, from beats of which some may be lost."""

from collections import deque

from shared.wire import EngineEvent, Heartbeat

KEPT = 32
"""Of each node; its agent has more of them, and its log all."""


class EngineEvents:
    """Of one node. Those of an agent's earlier epoch stay until newer ones take their place."""

    def __init__(self) -> None:
        self.last: deque[EngineEvent] = deque(maxlen=KEPT)
        """Oldest first."""
        self.taken = 0
        """The number of the last one of this epoch."""
        self._epoch = -1

    def heard(self, heartbeat: Heartbeat) -> None:
        """Takes what is new. A beat that goes on after events which are not known here is not begun in the middle:
        the reply tells `taken`, and the next beat goes back to it.
        """
        if heartbeat.epoch != self._epoch:
            self._epoch, self.taken = heartbeat.epoch, 0
        if heartbeat.events_after > self.taken:
            return
        for event in heartbeat.events:
            if event.number > self.taken:
                self.last.append(event)
                self.taken = event.number
