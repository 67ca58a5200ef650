"""The file in which corrections of estimates are kept."""

from pathlib import Path

from agent.kept_file import KeptFile, encoded
from agent.models.correction import Corrections, factor, learned

FILE = "model-memory.json"
"""In the node's directory; a few tens of kilobytes at most."""


class KeptCorrections:
    """What this node learned of its models' memory. Everything but `factor` blocks for the disk."""

    def __init__(self, path: Path) -> None:
        """`path`: the file, read at once."""
        self._file = KeptFile(path, Corrections, "learning what models take")
        self._known = self._file.read() or Corrections()

    def factor(self, model: str, now: float) -> float:
        """What an estimate is to be multiplied with. `now`: seconds since the epoch, as everywhere here."""
        return factor(self._known, model, now)

    def measured(self, model: str, estimated_bytes: int, measured_bytes: int, now: float) -> None:
        """After a load."""
        self._known = learned(self._known, model, estimated_bytes, measured_bytes, now)
        self._file.write(encoded(self._known))
