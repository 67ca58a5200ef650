"""Old engines with holes that everybody can read about. Pure."""

from collections.abc import Iterator

from shared.finding import Finding

FIXED = (
    ((0, 1, 29), "CVE-2024-28224"),  # a web page reaches it by DNS rebinding
    ((0, 1, 34), "CVE-2024-37032"),  # a pulled model writes files
    ((0, 17, 1), "CVE-2026-7482"),  # /api/create tells of its memory
)
"""Versions of Ollama in which a hole was closed; ascending."""


def holes(version: str, numbers: tuple[int, ...], *, facing: bool) -> Iterator[Finding]:
    """engine_hole, of an Ollama. `numbers`: its version, empty where that is none; `facing`: the network reaches it."""
    open_ones = [hole for fixed, hole in FIXED if numbers and numbers < fixed]
    if not open_ones:
        return
    yield Finding(
        check_id="engine_hole",
        severity="critical" if facing else "warning",
        title=f"Ollama {version} has known holes: {', '.join(open_ones)}",
        description="Whoever can send it a request can use them.",
        fix=f"Bring it up to {'.'.join(map(str, FIXED[-1][0]))} or later; on Linux usually by:",
        command="curl -fsSL https://ollama.com/install.sh | sh",
        data={"version": version, "holes": open_ones},
    )
