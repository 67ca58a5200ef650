"""What the two programs say of themselves over mDNS, and how it is read. Pure."""

from collections.abc import Mapping

from msgspec import Struct

COORDINATORS = "_fleet-manager._tcp.local."
"""Where coordinators are advertised."""
NODES = "_fleet-node._tcp.local."
"""Where agents are."""
SERVICE_TYPE = r"^_[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?\._tcp\.local\.$"
"""RFC 6763: what a service type looks like; at most 15 characters."""
LABEL_BYTES = 63
"""RFC 1035: the longest label of a name."""
TXT_BYTES = 255
"""RFC 6763: the longest key=value."""


class Advert(Struct, frozen=True):
    """One program's own words. `fields`: TXT."""

    kind: str
    label: str
    port: int
    fields: dict[str, str]

    @property
    def name(self) -> str:
        """The whole name of the instance."""
        return f"{self.label}.{self.kind}"


class Found(Struct, frozen=True):
    """Somebody's advert as it was heard. `addresses`: IPv6 link-local ones with their zone."""

    kind: str
    name: str
    addresses: tuple[str, ...]
    port: int
    fields: dict[str, str]


def coordinator_advert(
    kind: str, label: str, coordinator_id: str, version: str, port: int, started: int
) -> Advert:
    """`started`, epoch seconds, tells those who listen of a restart."""
    fields = {"version": version, "id": coordinator_id, "started": str(started)}
    return Advert(kind, label_of(label or "herd", coordinator_id), port, _fitting(fields))


def node_advert(node_id: str, mark: str, version: str, port: int, coordinator_id: str) -> Advert:
    """`mark` is this agent's alone; `coordinator_id`: the one it is with, empty: none yet."""
    fields = {"version": version, "id": node_id, "coordinator": coordinator_id}
    return Advert(NODES, label_of(node_id, mark), port, _fitting(fields))


def label_of(text: str, mark: str) -> str:
    """An instance's label: `text` as far as it fits beside a mark that makes it one of a kind."""
    end = f"-{mark[:8]}"
    plain = "".join(character if character.isprintable() and character != "." else "-" for character in text)
    room = LABEL_BYTES - len(end.encode())
    return plain.encode()[:room].decode(errors="ignore") + end


def fields_of(properties: Mapping[bytes, bytes | None]) -> dict[str, str]:
    """TXT as text. Anybody on the network may say anything: what is no UTF-8 or cannot be printed is left out."""
    fields = {}
    for key, value in properties.items():
        try:
            name, text = key.decode(), (value or b"").decode()
        except UnicodeDecodeError:
            continue
        if name.isprintable() and text.isprintable():
            fields[name] = text
    return fields


def _fitting(fields: dict[str, str]) -> dict[str, str]:
    return {
        key: value.encode()[: TXT_BYTES - len(key) - 1].decode(errors="ignore")
        for key, value in fields.items()
    }
