"""What was found, for people and for scripts."""

from collections.abc import Iterable
from typing import Any

import click
import msgspec

from shared.finding import Finding, worst_first
from shared.printable import printable

WORDS = {"critical": "broken ", "warning": "warning", "info": "ok     "}
INDENT = " " * 9


def shown(findings: list[Finding], output: str) -> int:
    """Prints them as `text` or `json`; the exit code: 1 where something is broken."""
    if output == "json":
        click.echo(msgspec.json.encode(as_json(findings)))
    else:
        click.echo(as_text(findings))
        click.echo(summary(findings), err=True)
    return 0 if is_well(findings) else 1


def is_well(findings: Iterable[Finding]) -> bool:
    """Nothing is broken."""
    return all(finding.severity != "critical" for finding in findings)


def as_text(findings: Iterable[Finding]) -> str:
    """The worst first; a line for each, and for what is not well the remedy."""
    return "\n".join(line for finding in worst_first(findings) for line in _lines(finding))


def _lines(finding: Finding) -> list[str]:
    """Others' words may be in it: they must not steer the terminal."""
    lines = [f"{WORDS[finding.severity]}  {printable(finding.title)}"]
    if finding.severity == "info" and not finding.command and not finding.fix:
        return lines
    lines += [INDENT + printable(text) for text in (finding.description, finding.fix) if text]
    if finding.command:
        lines.append(f"{INDENT}$ {printable(finding.command)}")
    return lines


def as_json(findings: Iterable[Finding]) -> dict[str, Any]:
    """`well`, and `findings` in the shape of /dashboard/api/health's `recommendations`."""
    listed = worst_first(findings)
    return {"well": is_well(listed), "findings": listed}


def summary(findings: Iterable[Finding]) -> str:
    """One line."""
    severities = [finding.severity for finding in findings]
    broken, warned = severities.count("critical"), severities.count("warning")
    parts = [f"{broken} broken"] if broken else []
    parts += [f"{warned} warning{'' if warned == 1 else 's'}"] if warned else []
    return ", ".join(parts) or "all is well"
