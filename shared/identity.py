"""Who a program is: an id that stays the same over restarts and changes of address."""

import logging
import re
import secrets
from pathlib import Path

log = logging.getLogger("herd.identity")


def kept_id(path: Path) -> str:
    """32 hexadecimal digits from the file; made at the first start.

    Where the file cannot be kept, another id at each start: others then take the program for another one.
    """
    try:
        known = path.read_text(errors="replace").strip() if path.exists() else ""
        if re.fullmatch(r"[0-9a-f]{32}", known):
            return known
        made = secrets.token_hex(16)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        partial.write_text(made + "\n")
        partial.replace(path)
    except OSError as error:
        log.warning("this program's id cannot be kept: %s", error)
        return secrets.token_hex(16)
    return made
