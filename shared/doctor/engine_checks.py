"""What is unsafe about an engine: it faces the network, or has holes that are known by number. Pure.

Both the doctor of a node, which sees the machine, and the coordinator, which has its word, tell it by these.
"""

from collections.abc import Iterable, Iterator

from shared.finding import Finding
from shared.known_holes import MENDED, known_holes, numbers

UPDATE = "curl -fsSL https://ollama.com/install.sh | sh"
"""How an Ollama on Linux is brought up to date, where it was installed as its makers say."""
EDIT_UNIT = "sudo systemctl edit ollama && sudo systemctl restart ollama"


def holes(version: str, *, facing: bool, node_id: str | None = None) -> Iterator[Finding]:
    """engine_hole, of an Ollama. `facing`: the network reaches it; `node_id`: where, told to who is elsewhere."""
    found = known_holes(version)
    if not found:
        return
    plain = ".".join(map(str, numbers(version)))
    yield Finding(
        check_id="engine_hole",
        severity="critical" if facing else "warning",
        title=f"{_on(node_id)}Ollama {plain} has known holes: {', '.join(found)}",
        description="Whoever can send it a request can use them.",
        fix=_sentence(node_id, f"bring it up to {MENDED} or later; on Linux usually by:"),
        node_id=node_id,
        command=UPDATE,
        data={"version": version, "holes": list(found)},
    )


def open_ollama(
    addresses: Iterable[str], loopback: str, *, unit: bool | None, node_id: str | None = None
) -> Finding:
    """engine_open. `loopback`: the OLLAMA_HOST that mends it; `unit`: whether systemd runs it, None: not known here."""
    if unit is None:
        fix = (
            f"have it on loopback only. Where systemd runs it, by the command below: write [Service] and, below, "
            f"Environment=OLLAMA_HOST={loopback}. Elsewhere end the one that runs (that of the desktop in its menu), "
            f"then: OLLAMA_HOST={loopback} ollama serve. A port other than 11434 goes behind the address: "
            "herd-node doctor, there, has it in its command."
        )
    elif unit:
        fix = f"have it on loopback only: write [Service] and, below, Environment=OLLAMA_HOST={loopback}"
    else:
        fix = "end the one that runs (that of the desktop in its menu), then start it on loopback only:"
    return _open(
        *("the Ollama", addresses, "fill its disk and delete its models"),
        *(fix, EDIT_UNIT if unit is not False else f"OLLAMA_HOST={loopback} ollama serve", node_id),
    )


def open_engine(name: str, addresses: Iterable[str], node_id: str | None = None) -> Finding:
    """engine_open, of one that is no Ollama. `name`: as the node calls it."""
    fix = "end it, and start it again with --host 127.0.0.1 in the command that started it."
    return _open(f"engine {name}", addresses, "keep it busy", fix, "", node_id)


def _open(
    what: str, addresses: Iterable[str], harm: str, fix: str, command: str, node_id: str | None
) -> Finding:
    there = list(addresses)
    return Finding(
        check_id="engine_open",
        severity="warning",
        title=_sentence(node_id, f"{what} faces the network at {', '.join(there)}"),
        description=f"Anybody there can use it, {harm}, past the fleet. The agent needs it on loopback only.",
        fix=_sentence(node_id, fix),
        node_id=node_id,
        command=command,
        data={"addresses": there},
    )


def _on(node_id: str | None) -> str:
    return f"On {node_id}: " if node_id else ""


def _sentence(node_id: str | None, words: str) -> str:
    return f"{_on(node_id)}{words}" if node_id else f"{words[:1].upper()}{words[1:]}"
