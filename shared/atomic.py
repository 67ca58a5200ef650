"""Small files that are always whole: the old content or the new one, whenever a program or a machine dies."""

import os
from pathlib import Path


def replaced(path: Path, content: bytes) -> None:
    """The file has this content now, for its user's eyes only. Blocks for the disk. Raises OSError."""
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.unlink(missing_ok=True)  # of one that died; nobody else's file or link is ever written to
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
