"""What the shell may ask the Desk: nothing changes by it."""

from coordinator.core import hold_time
from coordinator.core.call import Call
from coordinator.core.explaining import explained
from coordinator.core.explanation import Explanation
from coordinator.core.limits import Limits
from coordinator.core.loads import Loads
from coordinator.core.open_call import OpenCall
from coordinator.core.pulls import Pulls
from coordinator.core.scorer import Scorer
from coordinator.core.taught import Taught
from shared.names import CallId


class Readable(Taught):
    """A part of the Desk."""

    pulls: Pulls
    loads: Loads
    _scorer: Scorer
    _limits: Limits
    _open: dict[CallId, OpenCall]

    def open_calls(self) -> list[OpenCall]:
        """Calls between arrival and end."""
        return list(self._open.values())

    def explain(self, call: Call, now: float) -> Explanation:
        """What would become of this call now; nothing changes."""
        return explained(call, now, self.fleet, self._scorer, self.pulls, self._limits)

    def waits_for(self, waiting: OpenCall, now: float) -> str:
        """What a held call waits for, for a person."""
        why = self._scorer.why_not(waiting, now)
        return hold_time.reason(waiting, self.loads, why)

    def knows(self, call_id: CallId) -> bool:
        """Whether a call of this id is open."""
        return call_id in self._open
