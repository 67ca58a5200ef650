"""One thing that a check found, in the shape in which scripts read it."""

from collections.abc import Iterable
from typing import Any, Literal, get_args

from msgspec import Struct

Severity = Literal["critical", "warning", "info"]
GIB = 2**30


class Finding(Struct, frozen=True, kw_only=True):
    """`title` and `description` say what is, `fix` what a person can do; a critical one is something broken."""

    check_id: str
    severity: Severity
    title: str
    description: str
    fix: str
    node_id: str | None = None
    """None: it concerns the fleet, or this machine, not one node."""
    command: str = ""
    """What to type for it; empty: no one line does it."""
    data: dict[str, Any] = {}
    """The figures behind it."""


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """By severity; within one as they came."""
    order = get_args(Severity)
    return sorted(findings, key=lambda finding: order.index(finding.severity))


def gib(count: float) -> str:
    """Bytes for people."""
    return f"{count / GIB:.1f} GiB"
