"""Whose beats are heard: a node's own, by its certificate; in open mode also those of nodes that never had one."""

from coordinator.joining.reception import Reception
from shared.errors import Forbidden, NoAccess
from shared.names import NodeId
from shared.trust.certified import Certified


class BeatJudge:
    """`open_mode`: whether nodes without a certificate are heard."""

    def __init__(self, reception: Reception, *, open_mode: bool) -> None:
        self._reception = reception
        self._open = open_mode

    def over_tls(self, node_id: NodeId, certified: Certified | None) -> bool:
        """Whether its gateway speaks TLS, too. Raises Forbidden, NoAccess where this beat is not that node's."""
        proved = self._reception.node_of(certified)
        if proved is not None and certified is not None:
            if proved != node_id:
                raise Forbidden(f"the certificate is {proved}'s, and the beat says that it is {node_id}'s")
            self._reception.shown(certified)
            return True
        if certified is not None:
            raise NoAccess(
                f"{node_id} is no node of this fleet any more: it was removed, or joined anew elsewhere"
            )
        if self._reception.admitted.get(node_id) is not None:
            raise NoAccess(f"{node_id} has joined with a certificate: a beat without it is not its own")
        if self._reception.admitted.removed_at(node_id) is not None:
            raise NoAccess(f"{node_id} was removed here: it has to join again, which herd-node asks for")
        if not self._open:
            raise NoAccess(f"{node_id} has not joined: start herd-node there, which asks to join")
        return False
