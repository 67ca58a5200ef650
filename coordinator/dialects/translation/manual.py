"""The table as a page for readers: `python -m coordinator.dialects.translation.manual` writes FIELDS.md."""

from pathlib import Path

import msgspec

from coordinator.dialects.translation.rules import (
    Answered,
    Inert,
    Joined,
    Mapped,
    Ours,
    Refused,
    Rule,
    Satisfied,
    Spread,
    Table,
)
from coordinator.dialects.translation.table import FOLDED, FROM_OLLAMA, FROM_OPENAI

PAGE = Path(__file__).with_name("FIELDS.md")

_OPENING = """# Every field of both APIs

What becomes of a call where the engine lacks the caller's dialect, or the dialect cannot say what the call says. Made
from the table in the code by `python -m coordinator.dialects.translation.manual`; a test compares. "Refused" is a 400
that names the field, before any engine is asked, where no other node can take the call. A null is as good as nothing,
and so is an empty value of what is refused.
"""


def page() -> str:
    """Markdown."""
    parts = [_OPENING, "\n## Ollama's calls on an engine that speaks OpenAI only (llama.cpp)\n"]
    parts += [_section(name, table) for name, table in FROM_OLLAMA.items()]
    parts.append("\n## OpenAI's calls on Ollama's own API\n")
    parts += [_section(name, table) for name, table in FROM_OPENAI.items()]
    parts.append("\n## OpenAI's calls with `options` or `keep_alive` on an engine that speaks OpenAI only\n")
    parts += [_section(name, table) for name, table in FOLDED.items()]
    return "".join(parts)


def _section(name: str, table: Table) -> str:
    rows = [f"| `{field}` | {_words(rule)} |\n" for field, rule in table.rules.items()]
    rows.append(f"| any other | {_words(table.unknown)} |\n")
    return f"\n### {name}\n\n| field | becomes |\n| --- | --- |\n{''.join(rows)}"


def _words(rule: Rule) -> str:
    match rule:
        case Mapped(to=to):
            return f"`{to}`"
        case Spread(to=to):
            return ", ".join(f"`{each}`" for each in to) or "see its own table"
        case Joined(field=field):
            return f"part of what `{field}` becomes"
        case Answered(how=how):
            return f"heeded in the answer or checked: {how}"
        case Satisfied(values=(), why=why) | Refused(why=why):
            return f"refused: {why}"
        case Satisfied(values=values, why=why):
            accepted = " or ".join(f"`{msgspec.json.encode(each).decode()}`" for each in values)
            return f"{accepted} only: {why}"
        case Inert(why=why):
            return f"without effect: {why}"
        case Ours(why=why):
            return f"herd's own: {why}"
    return "passed under its own name"


if __name__ == "__main__":
    PAGE.write_text(page())
