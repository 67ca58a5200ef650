"""Who has joined: a name has one key, a certificate counts while it stands there, a removed one never again."""

from coordinator.joining.admitted import MOST_REMOVED, Admitted, Before, Joined
from coordinator.joining.wrong_tries import FREE, MOST_WAIT_S, WAIT_S, WrongTries
from shared.names import NodeId

LAPTOP = NodeId("laptop")


def joined(fingerprint: str = "f1", key: str = "k1") -> Joined:
    return Joined(LAPTOP, fingerprint, 0.0, key, by="token abcdef")


def test_a_certificate_counts_for_its_node_only() -> None:
    admitted = Admitted()
    admitted.admit(joined())
    assert admitted.is_good(LAPTOP, "f1")
    assert not admitted.is_good(LAPTOP, "f2")
    assert not admitted.is_good(LAPTOP, "")
    assert not admitted.is_good(NodeId("desk"), "f1")


def test_a_name_is_taken_over_by_another_key_only() -> None:
    admitted = Admitted()
    assert not admitted.takes_over(LAPTOP, "k2")
    admitted.admit(joined())
    assert not admitted.takes_over(LAPTOP, "k1")
    assert admitted.takes_over(LAPTOP, "k2")
    assert admitted.admit(joined("f2", "k2")) == Before(joined())
    assert not admitted.is_good(LAPTOP, "f1")


def test_after_a_renewal_both_count_until_the_new_one_is_shown() -> None:
    admitted = Admitted()
    admitted.admit(joined())
    admitted.renewed(LAPTOP, "f2", "k2")
    assert not admitted.used(LAPTOP, "f1")
    assert admitted.is_good(LAPTOP, "f1")
    assert admitted.is_good(LAPTOP, "f2")
    assert admitted.used(LAPTOP, "f2")
    assert not admitted.is_good(LAPTOP, "f1")
    assert admitted.is_good(LAPTOP, "f2")
    assert not admitted.used(LAPTOP, "f2")


def test_a_removed_node_proves_nothing_any_more() -> None:
    admitted = Admitted()
    admitted.admit(joined())
    admitted.renewed(LAPTOP, "f2", "k2")
    assert admitted.remove(LAPTOP, 5.0) is not None
    assert not admitted.is_good(LAPTOP, "f1")
    assert not admitted.is_good(LAPTOP, "f2")
    assert not admitted.used(LAPTOP, "f2")
    assert admitted.remove(LAPTOP, 5.0) is None


def test_what_is_taken_back_is_only_what_was_done() -> None:
    admitted = Admitted()
    before = admitted.admit(joined())
    admitted.take_back(joined(), before)
    assert admitted.all() == []
    admitted.admit(joined())
    before = admitted.admit(joined("f2", "k2"))
    admitted.take_back(joined("f3", "k3"), before)  # another stands there by now
    assert admitted.all() == [joined("f2", "k2")]
    admitted.take_back(joined("f2", "k2"), before)
    assert admitted.all() == [joined()]
    now = admitted.renewed(LAPTOP, "f4", "k4")
    assert now == admitted.get(LAPTOP)
    admitted.remove(LAPTOP, 5.0)
    admitted.take_back(now, Before(joined()))
    assert admitted.all() == []
    assert admitted.removed_at(LAPTOP) == 5.0
    before = admitted.admit(joined())
    admitted.take_back(joined(), before)
    assert admitted.removed_at(LAPTOP) == 5.0


def test_who_was_removed_is_remembered_until_it_joins_anew() -> None:
    admitted = Admitted()
    assert admitted.remove(LAPTOP, 5.0) is None
    assert admitted.removed_at(LAPTOP) is None
    admitted.admit(joined())
    admitted.remove(LAPTOP, 5.0)
    again = Admitted()
    again.restore(admitted.all(), admitted.removed())
    assert again.removed_at(LAPTOP) == 5.0
    again.admit(joined())
    assert again.removed_at(LAPTOP) is None
    for number in range(2 * MOST_REMOVED):
        again.admit(Joined(NodeId(f"n{number}"), "f", 0.0, "k"))
        again.remove(NodeId(f"n{number}"), 6.0)
    assert len(again.removed()) == MOST_REMOVED


def test_wrong_tokens_make_an_address_wait_ever_longer() -> None:
    tries, now = WrongTries(100), 0.0
    for _ in range(FREE):
        tries.wrong("10.0.0.1", now)
        assert tries.wait_s("10.0.0.1", now) == 0
    waits = []
    for _ in range(12):
        tries.wrong("10.0.0.1", now)
        waits.append(tries.wait_s("10.0.0.1", now))
        now += waits[-1]
    assert waits[0] == WAIT_S
    assert waits == sorted(waits)
    assert waits[-1] == MOST_WAIT_S
    assert tries.wait_s("10.0.0.2", now) == 0
    tries.right("10.0.0.1")
    assert tries.wait_s("10.0.0.1", now) == 0


def test_wrong_tokens_take_bounded_memory() -> None:
    tries = WrongTries(10)
    for number in range(1_000):
        tries.wrong(f"10.0.{number // 256}.{number % 256}", 0.0)
    assert len(tries) == 10
