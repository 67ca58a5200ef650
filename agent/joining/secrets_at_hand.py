"""What this node can show to be let in at once: a token that it was given, or the one in a file of this machine's
coordinator that only its user can read.
"""

import logging
from pathlib import Path

from shared.trust.private_files import NotPrivate, read_private
from shared.trust.token import BadToken, Token, parse

LOCAL_FILE = "local-join"

log = logging.getLogger("herd-node.joining")


class SecretsAtHand:
    """`given`: by its user; `local`: files of coordinators of this machine, which are read anew each time."""

    def __init__(self, given: Token | None, local: tuple[Path, ...]) -> None:
        self.given = given
        self._local = local
        self._useless: set[str] = set()
        """Those that a coordinator has refused: asked without them, a person may let this node in."""
        self._told = ""

    @property
    def wanted(self) -> Token | None:
        """The token that says with whom this node is to be; None: nothing does, or it was of no use."""
        return self.given if self.given and self.given.id not in self._useless else None

    def spent(self, token: Token) -> None:
        """The coordinator has said that it is no good."""
        self._useless.add(token.id)

    def for_authority(self, spki: bytes) -> Token | None:
        """What that coordinator may be told; nobody else may. Blocks for the disk."""
        if self.wanted is not None:
            return self.wanted if self.wanted.names(spki) else None
        found = [each for each in map(self._read, self._local) if each is not None and each.names(spki)]
        return next((each for each in found if each.id not in self._useless), None)

    def _read(self, path: Path) -> Token | None:
        try:
            content = read_private(path)
            return parse(content.decode("ascii", "replace")) if content is not None else None
        except NotPrivate as error:
            if str(error) != self._told:
                self._told = str(error)
                log.warning("not used for joining: %s", error)
        except (OSError, BadToken):
            return None  # another user's coordinator: a token or an approval does
        return None
