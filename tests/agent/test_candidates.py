from agent.candidates import MOST_ADDRESSES, SWITCH_AFTER_S, Candidate, by_coordinator, in_order
from shared.adverts import COORDINATORS, Found
from shared.interfaces import Address

LOCAL = "http://127.0.0.1:11435"
HERE = [Address("eth0", 2, "192.168.1.5", 24)]
A = Candidate("a", ("http://192.168.1.1:11435",))
B = Candidate("b", ("http://192.168.1.2:11435",))


def found(key: str, *addresses: str, port: int = 11435, name: str = "") -> Found:
    return Found(COORDINATORS, f"{name or key}.{COORDINATORS}", addresses, port, {"id": key} if key else {})


def test_the_lowest_id_comes_first_whoever_was_heard_first() -> None:
    heard = by_coordinator([found("b", "192.168.1.2"), found("a", "192.168.1.1")], HERE)
    assert heard == [A, B]


def test_one_coordinator_under_two_names_is_one() -> None:
    heard = by_coordinator(
        [found("a", "192.168.1.1", name="x"), found("a", "192.168.1.1", port=9, name="y")], HERE
    )
    assert heard == [Candidate("a", ("http://192.168.1.1:11435", "http://192.168.1.1:9"))]


def test_ipv6_addresses_get_brackets_and_keep_their_zone() -> None:
    [candidate] = by_coordinator([found("a", "fe80::1%2", "fd00::1")], HERE)
    assert candidate.urls == ("http://[fd00::1]:11435", "http://[fe80::1%2]:11435")


def test_what_has_no_id_is_no_coordinator() -> None:
    assert by_coordinator([found("", "192.168.1.1")], HERE) == []


def test_nobody_makes_an_agent_try_addresses_without_end() -> None:
    [candidate] = by_coordinator([found("a", *(f"10.0.{n}.1" for n in range(200)))], HERE)
    assert len(candidate.urls) == MOST_ADDRESSES


def test_without_a_coordinator_the_one_of_this_machine_is_preferred() -> None:
    assert in_order([A, B], LOCAL, None, 0.0) == [Candidate("", (LOCAL,)), A, B]


def test_the_one_it_has_is_looked_for_wherever_it_may_be_now() -> None:
    moved = Candidate("b", ("http://192.168.1.9:11435",))
    [only] = in_order([A, moved], LOCAL, B, SWITCH_AFTER_S - 1)
    assert only == Candidate("b", (*moved.urls, *B.urls, LOCAL))


def test_one_that_stays_silent_is_left_for_another() -> None:
    order = in_order([A, B], LOCAL, B, SWITCH_AFTER_S)
    assert [candidate.coordinator_id for candidate in order] == ["b", "", "a"]


def test_a_node_that_has_joined_looks_for_nobody_else() -> None:
    moved = Candidate("b", ("http://192.168.1.9:11435",))
    for current, silent_s in ((None, 0.0), (B, SWITCH_AFTER_S), (A, 10 * SWITCH_AFTER_S)):
        [only] = in_order([A, moved], LOCAL, current, silent_s, "b")
        assert only.coordinator_id == "b"
        assert only.urls[0] == moved.urls[0]
        assert not set(only.urls) & set(A.urls)
    assert in_order([A], LOCAL, None, 0.0, "b") == [Candidate("b", (LOCAL,))]
