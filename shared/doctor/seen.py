"""What was looked at, as values."""

from msgspec import Struct

from shared.adverts import Found


class Listener(Struct, frozen=True):
    """Who listens on a port. `pid` None and `program` empty: the system does not tell this user."""

    address: str
    pid: int | None = None
    program: str = ""


class PortSeen(Struct, frozen=True, kw_only=True):
    """A port that one of our programs wants."""

    program: str
    port: int
    flag: str
    """Name of the flag's value which gives it another one."""
    setting: str
    taken: bool
    ours: bool = False
    """Whether it is our program that has it."""
    listeners: tuple[Listener, ...] = ()


class DirectorySeen(Struct, frozen=True, kw_only=True):
    """The data directory."""

    path: str
    exists: bool
    problem: str = ""
    """Why it cannot be used; empty: it can, or it could be made."""
    cause: str = ""
    """Of the problem: `rights` of this user there; `parent`: in the directory where it would be made; `no_directory`;
    `out_of_reach`: nothing that its rights would mend.
    """
    default: bool = False
    """Whether it is where herd looks unasked."""
    mine: bool = False
    """Whether it belongs to this user."""
    own: bool = False
    """Whether it is herd's and nobody else's, beyond doubt."""
    foreign: tuple[str, ...] = ()
    """What herd writes there, is somebody else's, and may not be written."""
    locked: tuple[str, ...] = ()
    """What herd writes there, is this user's, and may not be written."""
    writable_by_all: bool = False
    readable_by_others: bool = False
    wide_secrets: tuple[str, ...] = ()
    """Files and directories of secrets that other users may read, relative to `path`."""


class RoomSeen(Struct, frozen=True, kw_only=True):
    """Bytes of the data directory's disk and of the machine's memory."""

    path: str
    disk_total: int
    disk_free: int
    memory_total: int
    memory_available: int


class Answer(Struct, frozen=True, kw_only=True):
    """To one GET."""

    url: str
    status: int = 0
    body: bytes = b""
    ahead_s: float | None = None
    """How far that machine's clock is ahead of ours, within a second or so; None: it does not tell."""
    problem: str = ""
    """Why there is none; empty: there is one."""


class InterfaceSeen(Struct, frozen=True, kw_only=True):
    """mDNS on one interface: a question was sent, and what came back within a few seconds."""

    interface: str
    ip: str
    problem: str = ""
    """Why nothing could be sent."""
    own_heard: bool = False
    """Whether this machine heard its own question."""
    others: tuple[str, ...] = ()
    """Addresses from which something came."""


class NetworkSeen(Struct, frozen=True, kw_only=True):
    """What mDNS gives on this machine."""

    interfaces: tuple[InterfaceSeen, ...] = ()
    coordinators: tuple[Found, ...] = ()
    nodes: tuple[Found, ...] = ()
    problem: str = ""
    """Of the program's own mDNS."""
    firewall: str = ""
    """ufw, firewalld, or empty: none is known to be on."""
