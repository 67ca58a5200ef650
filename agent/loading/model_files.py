"""A model's files, read before each start, but anew only when they changed. Blocks for the disk."""

from pathlib import Path

from agent.models.files import ModelFiles, read_model
from agent.models.hf_files import INDEX, SINGLE, read_hf_model

Signature = tuple[tuple[str, int, int], ...]


class ModelReader:
    """`path`: a GGUF file, or a directory as Hugging Face lays it out; what is neither says nothing."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser()
        self._told = bool(path)
        self._seen: Signature = ()
        self._known: ModelFiles | None = None

    def read(self) -> ModelFiles | None:
        """None: nothing that can be judged, such as a name that the engine looks up. Raises ModelRefused."""
        if not self._told:
            return None
        now = _signature(self._path)
        if self._known is None or now != self._seen or not now:
            self._known, self._seen = self._anew(), now
        return self._known

    def _anew(self) -> ModelFiles | None:
        if self._path.is_dir():
            return read_hf_model(self._path) if _judged(self._path) else None
        local = self._path.is_absolute() or self._path.exists()
        return read_model(self._path) if local or self._path.suffix == ".gguf" else None


def _judged(directory: Path) -> bool:
    """Weights as pickles are not read: that would run code."""
    return not list(directory.glob("*.bin")) or any((directory / name).exists() for name in (SINGLE, INDEX))


def _signature(path: Path) -> Signature:
    """Of each file; empty where there is none."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        states = [(each.name, each.stat()) for each in files]
    except OSError:
        return ()
    return tuple((name, state.st_size, state.st_mtime_ns) for name, state in states)
