"""What a key's calls may take: counted exactly, told in OpenAI's headers, and nothing for who has no key."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.access.allowances import Allowances, KeyLimits, Use
from coordinator.access.decision import OWNER
from coordinator.access.principal import Principal
from shared.errors import LimitReached

KEY = Principal("key", "night", frozenset({"infer"}), key_id="abcdefgh")


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def limited(clock: Clock | None = None, **limits: int) -> Allowances:
    told = KeyLimits(**limits)
    return Allowances(lambda key_id: told if key_id == KEY.key_id else None, clock or Clock())


@given(st.integers(1, 5), st.lists(st.integers(0, 3), max_size=60))
def test_as_many_at_once_as_allowed_and_no_more(parallel: int, steps: list[int]) -> None:
    """0 ends the oldest, 1 the newest, 2 one that has ended already; 3 begins one."""
    allowances = limited(parallel=parallel)
    running: list[Use] = []
    ended: list[Use] = []
    for step in steps:
        if step == 3:
            if len(running) < parallel:
                use = allowances.begin(KEY)
                assert use is not None
                running.append(use)
            else:
                with pytest.raises(LimitReached, match="calls at once"):
                    allowances.begin(KEY)
        elif step == 2 and ended:
            ended[-1].end(5)
        elif running and step < 2:
            use = running.pop(0 if step == 0 else -1)
            use.end(5)
            ended.append(use)
    for _ in range(parallel - len(running)):
        assert allowances.begin(KEY) is not None
    with pytest.raises(LimitReached):
        allowances.begin(KEY)


def test_calls_a_minute() -> None:
    clock = Clock()
    allowances = limited(clock, requests_per_minute=3)
    for _ in range(3):
        allowances.begin(KEY)
    with pytest.raises(
        LimitReached, match='key "night" has reached its limit of 3 calls a minute'
    ) as refused:
        allowances.begin(KEY)
    assert (refused.value.status, refused.value.retry_after) == (429, 20)
    clock.now += 20
    assert allowances.begin(KEY) is not None


def test_tokens_are_charged_at_the_end_and_owed_where_they_were_too_many() -> None:
    clock = Clock()
    allowances = limited(clock, tokens_per_minute=60)
    first, second = allowances.begin(KEY), allowances.begin(KEY)
    assert first is not None
    assert second is not None
    first.end(70)
    first.end(70)
    with pytest.raises(LimitReached, match="60 tokens a minute") as refused:
        allowances.begin(KEY)
    assert refused.value.retry_after == 11
    clock.now += 11
    second.end(0)
    assert allowances.begin(KEY) is not None


def test_a_refused_call_takes_nothing() -> None:
    allowances = limited(requests_per_minute=10, parallel=1)
    use = allowances.begin(KEY)
    assert use is not None
    for _ in range(20):
        with pytest.raises(LimitReached, match="at once"):
            allowances.begin(KEY)
    assert dict(allowances.headers(KEY))[b"x-ratelimit-remaining-requests"] == b"9"


def test_what_is_left_is_told_as_openai_tells_it() -> None:
    allowances = limited(requests_per_minute=10, tokens_per_minute=1_000)
    use = allowances.begin(KEY)
    assert use is not None
    use.end(250)
    assert allowances.headers(KEY) == [
        (b"x-ratelimit-limit-requests", b"10"),
        (b"x-ratelimit-remaining-requests", b"9"),
        (b"x-ratelimit-reset-requests", b"6s"),
        (b"x-ratelimit-limit-tokens", b"1000"),
        (b"x-ratelimit-remaining-tokens", b"750"),
        (b"x-ratelimit-reset-tokens", b"15s"),
    ]
    use = allowances.begin(KEY)
    assert use is not None
    assert dict(allowances.headers(KEY))[b"x-ratelimit-reset-requests"] == b"12s"
    use.end(5_000)
    told = dict(allowances.headers(KEY))
    assert told[b"x-ratelimit-remaining-tokens"] == b"0"
    assert told[b"x-ratelimit-reset-tokens"] == b"5m15s"


def test_a_minute_is_told_as_one() -> None:
    clock = Clock()
    clock.now = 0.1
    allowances = limited(clock, requests_per_minute=1)
    allowances.begin(KEY)
    clock.now += 1e-5
    assert dict(allowances.headers(KEY))[b"x-ratelimit-reset-requests"] == b"1m0s"
    clock.now += 59.99
    assert dict(allowances.headers(KEY))[b"x-ratelimit-reset-requests"] == b"10ms"


@pytest.mark.parametrize("principal", [OWNER, Principal("key", "other", frozenset(), key_id="other")])
def test_who_has_no_limits_is_not_counted(principal: Principal) -> None:
    allowances = limited(parallel=1)
    assert [allowances.begin(principal) for _ in range(100)] == [None] * 100
    assert allowances.headers(principal) == []
    assert len(allowances) == 0


def test_a_key_that_is_no_more_is_forgotten_and_its_calls_may_end() -> None:
    allowances = limited(parallel=1)
    use = allowances.begin(KEY)
    assert use is not None
    allowances.forget(lambda _key_id: False)
    assert len(allowances) == 0
    use.end(1)


def test_other_limits_count_at_once_and_what_runs_still_counts() -> None:
    now = KeyLimits(parallel=2)
    allowances = Allowances(lambda _key_id: now, Clock())
    allowances.begin(KEY)
    allowances.begin(KEY)
    now = KeyLimits(parallel=3)
    allowances.begin(KEY)
    with pytest.raises(LimitReached):
        allowances.begin(KEY)


def test_other_limits_by_the_minute_count_at_once() -> None:
    now = KeyLimits(requests_per_minute=1, tokens_per_minute=10)
    allowances = Allowances(lambda _key_id: now, Clock())
    use = allowances.begin(KEY)
    assert use is not None
    use.end(10)
    with pytest.raises(LimitReached):
        allowances.begin(KEY)
    now = KeyLimits(requests_per_minute=2, tokens_per_minute=20)
    told = dict(allowances.headers(KEY))
    assert told[b"x-ratelimit-remaining-requests"] == b"2"
    assert told[b"x-ratelimit-remaining-tokens"] == b"20"
    assert allowances.begin(KEY) is not None
    now = KeyLimits()
    assert allowances.begin(KEY) is None


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute", "parallel"])
def test_one_limit_is_enough_to_be_counted(name: str) -> None:
    assert not KeyLimits()
    assert KeyLimits(**{name: 1})


def test_who_may_have_so_many_at_once_is_told_to_try_again_in_a_second() -> None:
    allowances = limited(parallel=1)
    allowances.begin(KEY)
    with pytest.raises(LimitReached) as refused:
        allowances.begin(KEY)
    assert refused.value.retry_after == 1
