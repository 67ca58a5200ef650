"""Which coordinator this is: an id that stays the same over restarts and changes of address."""

import logging
import re
import secrets
from pathlib import Path

log = logging.getLogger("herd.identity")


def coordinator_id(data_dir: Path) -> str:
    """32 hexadecimal digits from `coordinator-id` in the data directory; made at the first start.

    Where that file cannot be kept, another id at each start: agents then take it for another coordinator.
    """
    path = data_dir / "coordinator-id"
    try:
        known = path.read_text(errors="replace").strip() if path.exists() else ""
        if re.fullmatch(r"[0-9a-f]{32}", known):
            return known
        made = secrets.token_hex(16)
        data_dir.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_text(made + "\n")
        partial.replace(path)
    except OSError as error:
        log.warning("the coordinator's id cannot be kept: %s", error)
        return secrets.token_hex(16)
    return made
