"""Sessions, compared with a plain list of what was begun; and what logging in takes."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule
from msgspec.structs import replace

from coordinator.access.bad_tries import BadTries
from coordinator.access.decision import NEIGHBOUR, OWNER
from coordinator.access.key_ring import KeyRing
from coordinator.access.keys import Key, made
from coordinator.access.logins import Logins
from coordinator.access.sessions import Sessions
from coordinator.access.slow_down import SlowDown
from shared.errors import Forbidden, LimitReached, NoAccess

PER_KEY, LIVES_S = 3, 10.0
NEW, CALLS = made(), made()
KEY = Key(id=NEW.id, name="screen", sha256=NEW.sha256, scopes=("read",), expires=50.0)
CALLER = Key(id=CALLS.id, name="calls", sha256=CALLS.sha256, scopes=("infer", "operate", "admin"))
LAN = "192.168.1.7"


class SessionsMachine(RuleBasedStateMachine):
    """Whatever happens, those stand that were begun last with their key, have not ended and are of a known key."""

    tokens = Bundle("tokens")

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.sessions = Sessions(PER_KEY, LIVES_S)
        self.begun: list[tuple[str, str, float]] = []
        """Token, key and end; the oldest first."""

    @rule(target=tokens, key_id=st.sampled_from("abc"))
    def begin(self, key_id: str) -> str:
        token = self.sessions.begin(key_id, self.now)
        self.begun = [each for each in self.begun if each[2] > self.now]
        self.begun.append((token, key_id, self.now + LIVES_S))
        of_key = [each for each in self.begun if each[1] == key_id]
        for gone in of_key[:-PER_KEY]:
            self.begun.remove(gone)
        return token

    @rule(token=tokens)
    def end(self, token: str) -> None:
        self.sessions.end(token)
        self.begun = [each for each in self.begun if each[0] != token]

    @rule(known=st.sets(st.sampled_from("abc")))
    def forget(self, known: set[str]) -> None:
        self.sessions.forget(known.__contains__)
        self.begun = [each for each in self.begun if each[1] in known]

    @rule(seconds=st.floats(0, 6))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(token=tokens)
    def ask(self, token: str) -> None:
        expected = [key for kept, key, ends in self.begun if kept == token and ends > self.now]
        assert self.sessions.key_of(token, self.now) == "".join(expected)

    @invariant()
    def bounded(self) -> None:
        assert len([each for each in self.begun if each[2] > self.now]) <= len(self.sessions) <= 3 * PER_KEY
        assert all(len(kept) <= PER_KEY for kept in self.sessions._of_key.values())
        assert sum(map(len, self.sessions._of_key.values())) == len(self.sessions)
        assert all(self.sessions._of_key.values()), "a key without sessions takes no room"


TestSessions = SessionsMachine.TestCase


def test_what_is_kept_is_a_hash_of_256_bits() -> None:
    sessions = Sessions(PER_KEY, LIVES_S)
    tokens = [sessions.begin("a", 0.0) for _ in range(PER_KEY)]
    assert len(set(tokens)) == PER_KEY
    assert all(len(each) == 43 for each in tokens)
    assert not [each for each in tokens if each in repr(vars(sessions))]
    for wrong in ("", tokens[0][:-1], tokens[0].swapcase(), "é", "\udcff"):
        assert sessions.key_of(wrong, 0.0) == ""


class Door:
    """Logging in, with a clock."""

    def __init__(self) -> None:
        self.now = 0.0
        self.used: dict[str, float] = {}
        self.ring = KeyRing(lambda: self.now, self.used.__setitem__)
        self.ring.take([KEY, CALLER])
        slow_down = SlowDown(BadTries(2, 10), lambda: self.now)
        self.logins = Logins(self.ring, Sessions(PER_KEY, LIVES_S), slow_down, lambda: self.now)


def test_a_session_stands_for_its_key_as_that_is_now() -> None:
    door = Door()
    token = door.logins.log_in(NEW.text, LAN)
    assert door.logins.lives_s == LIVES_S
    found = door.logins.find(token)
    assert found == replace(KEY.principal(), by_session=True)
    door.now = 5.0
    door.ring.take([Key(id=NEW.id, name="screen", sha256=NEW.sha256, scopes=("operate",)), CALLER])
    changed = door.logins.find(token)
    assert changed is not None
    assert changed.scopes == {"operate"}
    assert door.used == {NEW.id: 5.0}


def test_a_session_ends_with_its_key_with_its_time_and_by_logging_out() -> None:
    door = Door()
    token = door.logins.log_in(NEW.text, LAN)
    door.ring.take([CALLER])
    assert door.logins.find(token) is None
    door.ring.take([KEY])
    door.logins.forget()
    assert door.logins.find(token) is not None, "forgotten are those of keys that are no more"
    door.ring.take([])
    door.logins.forget()
    door.ring.take([KEY])
    assert door.logins.find(token) is None
    token = door.logins.log_in(NEW.text, LAN)
    door.logins.log_out(token)
    assert door.logins.find(token) is None
    door.now = 45.0
    token = door.logins.log_in(NEW.text, LAN)
    door.now = 50.0
    assert door.logins.find(token) is None, "the key has expired, before its session"
    door.now = 0.0
    token = door.logins.log_in(NEW.text, LAN)
    door.now = LIVES_S
    assert door.logins.find(token) is None


def test_who_was_let_in_holds_as_long_as_it_would_be_again() -> None:
    door = Door()
    token, other = door.logins.log_in(NEW.text, LAN), door.logins.log_in(NEW.text, LAN)
    by_key, by_cookie = KEY.principal(), replace(KEY.principal(), by_session=True)
    used = dict(door.used)
    door.now = 5.0
    assert door.logins.holds(by_cookie, token)
    assert door.logins.holds(by_key, "")
    assert door.used == used, "to look on is not to use it anew"
    door.logins.log_out(token)
    assert not door.logins.holds(by_cookie, token)
    assert not door.logins.holds(by_cookie, "")
    assert not door.logins.holds(replace(by_cookie, key_id=CALLS.id), other), "another key's"
    assert door.logins.holds(by_cookie, other)
    door.now = LIVES_S
    assert not door.logins.holds(by_cookie, other)
    assert door.logins.holds(by_key, "")
    late = door.logins.log_in(NEW.text, LAN)
    door.ring.take([CALLER])
    assert not door.logins.holds(by_key, "")
    assert not door.logins.holds(by_cookie, late)
    door.ring.take([KEY])
    assert door.logins.holds(by_key, "")
    door.now = 50.0
    assert not door.logins.holds(by_key, ""), "it has expired"
    assert door.logins.holds(OWNER, "")
    assert door.logins.holds(NEIGHBOUR, "")


def test_wrong_keys_are_slowed_down_and_right_ones_are_not() -> None:
    door = Door()
    for wrong in ("", "password", NEW.text[:-1]):
        expected = NoAccess if wrong != NEW.text[:-1] else LimitReached
        with pytest.raises(expected) as refused:
            door.logins.log_in(wrong, LAN)
        assert not wrong or wrong not in str(refused.value)
    with pytest.raises(NoAccess):
        door.logins.log_in("x", "192.168.1.8")
    assert door.logins.log_in(NEW.text, LAN)


def test_a_key_that_may_not_look_opens_no_dashboard() -> None:
    with pytest.raises(Forbidden, match='the key "calls" lacks the scope read'):
        Door().logins.log_in(CALLS.text, LAN)
