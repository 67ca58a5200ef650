"""Words that must be nowhere but in a call and its answer, and where they are looked for afterwards."""

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path


class Marked:
    """A prompt and a key that nothing else can hold by chance."""

    def __init__(self) -> None:
        self.prompt = f"prompt-{secrets.token_hex(12)}"
        self.key = f"sk-{secrets.token_hex(16)}"
        self.other_key = f"key-{secrets.token_hex(16)}"

    @property
    def words(self) -> tuple[str, ...]:
        """All of them."""
        return self.prompt, self.key, self.other_key

    def inside(self, content: bytes) -> bool:
        """Whether one is in it."""
        return any(word.encode() in content for word in self.words)

    def in_files(self, directory: Path) -> Iterator[Path]:
        """Files below it that hold one; pipes and sockets are not read."""
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.is_symlink() and self.inside(path.read_bytes()):
                yield path

    def in_command_lines(self, pids: Iterable[int]) -> Iterator[int]:
        """Processes that show one to other users. Linux only."""
        for pid in pids:
            if self.inside(Path(f"/proc/{pid}/cmdline").read_bytes()):
                yield pid
