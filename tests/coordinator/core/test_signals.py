"""Every tier and threshold of the seven signals, in points: share times weight."""

from collections.abc import Callable

import msgspec
import pytest

from coordinator.core.candidate import Candidate
from coordinator.core.latencies import expected_tokens_per_s
from coordinator.core.limits import Weights
from coordinator.core.policies import weighted
from coordinator.core.signals import SIGNALS
from tests.fakes.builders import GIB, a_call, a_candidate

GB = 10**9
NAMES = [name for name, _ in SIGNALS]


def points(name: str, candidate: Candidate, tokens: int = 0) -> float:
    """Points of one signal at its usual weight."""
    return weighted.points(candidate, a_call(estimated_tokens=tokens), Weights())[name]


def test_the_keys_are_those_that_scripts_read() -> None:
    assert [*NAMES, "total"] == list(weighted.points(a_candidate(), a_call(), Weights()))
    assert NAMES == [
        "thermal",
        "memory_fit",
        "queue_depth",
        "wait_time",
        "role_affinity",
        "availability_trend",
        "context_fit",
    ]


@pytest.mark.parametrize(
    ("candidate", "expected"),
    [
        (a_candidate(loaded=True), 50),
        (a_candidate(loaded=True, unloaded_for_s=9_999.0), 50),
        (a_candidate(loaded=False, unloaded_for_s=0.0), 30),
        (a_candidate(loaded=False, unloaded_for_s=1_799.9), 30),
        (a_candidate(loaded=False, unloaded_for_s=1_800.0), 10),
        (a_candidate(loaded=False), 10),
    ],
)
def test_thermal(candidate: Candidate, expected: float) -> None:
    assert points("thermal", candidate) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("free_gb", "expected"),
    [(20.1, 20), (20.0, 15), (15.1, 15), (15.0, 8), (12.1, 8), (12.0, 3), (10.0, 3), (9.9, 0), (0.0, 0)],
)
def test_memory_fit_of_a_model_of_10_gb(free_gb: float, expected: float) -> None:
    candidate = a_candidate(
        loaded=False, model_bytes=10 * GB, free_bytes=int(free_gb * GB), memory_bytes=64 * GB
    )
    assert points("memory_fit", candidate) == pytest.approx(expected)


def test_memory_fit_loaded_or_unknown() -> None:
    assert points("memory_fit", a_candidate(loaded=True, model_bytes=10 * GB, memory_bytes=GB)) == 20
    assert points("memory_fit", a_candidate(loaded=False, memory_bytes=GB)) == 10
    assert points("memory_fit", a_candidate(loaded=False, model_bytes=GB)) == 10


@pytest.mark.parametrize(("depth", "expected"), [(0, 0), (1, -6), (3, -18), (4, -24), (5, -30), (9, -30)])
def test_queue_depth(depth: int, expected: float) -> None:
    assert points("queue_depth", a_candidate(in_flight=depth)) == pytest.approx(expected)
    assert points("queue_depth", a_candidate(node_in_flight=depth)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("bandwidth", "median", "depth", "expected"),
    [
        (400, 100, 4, -6),
        (4_000, 100, 4, -6),
        (200, 100, 2, -6),
        (25, 100, 1, -24),
        (1, 100, 1, -24),
        (0, 100, 1, -6),
        (100, 0, 1, -6),
    ],
)
def test_queue_depth_counts_less_on_a_fast_node(
    bandwidth: float, median: float, depth: int, expected: float
) -> None:
    candidate = a_candidate(in_flight=depth, bandwidth=bandwidth, fleet_bandwidth=median)
    assert points("queue_depth", candidate) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("depth", "p75_s", "expected"), [(0, 60, 0), (2, 30, -6), (5, 50, -25), (5, 60, -25), (1, 0.0, 0)]
)
def test_wait_time(depth: int, p75_s: float, expected: float) -> None:
    assert points("wait_time", a_candidate(in_flight=depth, p75_s=p75_s)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("bandwidth", "gb", "tokens_per_s"),
    [(800, 40, 240), (0, 40, 2.5), (10, 40, 10), (100, 5, 120), (0, 0, 100)],
)
def test_first_guess_of_the_speed(bandwidth: float, gb: int, tokens_per_s: float) -> None:
    assert expected_tokens_per_s(gb * GB, bandwidth) == pytest.approx(tokens_per_s)


@pytest.mark.parametrize(("bandwidth", "p75_s"), [(800, 100 / 240), (0, 40.0)])
def test_wait_time_before_the_first_measurement(bandwidth: float, p75_s: float) -> None:
    candidate = a_candidate(in_flight=1, bandwidth=bandwidth, model_bytes=40 * GB)
    assert points("wait_time", candidate) == pytest.approx(-p75_s / 10)


@pytest.mark.parametrize(
    ("bandwidth", "gb", "of_reference"),
    [
        (100, 40, 7.5),
        (200, 40, 10),
        (400, 40, 15),
        (546, 40, 18.65),
        (800, 40, 25),
        (3_350, 40, 25),
        (400, 20, 9),
        (800, 8, 15),
        (800, 0, 15),
        (100, 4, 13.5),
        (800, 4, 3),
    ],
)
def test_role_affinity_by_bandwidth_is_the_references_scaled(
    bandwidth: float, gb: int, of_reference: float
) -> None:
    candidate = a_candidate(bandwidth=bandwidth, model_bytes=gb * GB)
    assert points("role_affinity", candidate) == pytest.approx(of_reference * 15 / 25)


@pytest.mark.parametrize(
    ("memory_gib", "gb", "expected"),
    [
        (128, 40, 15),
        (127, 40, 5),
        (32, 40, 5),
        (31, 40, 0),
        (32, 4, 15),
        (33, 4, 8),
        (128, 4, 8),
        (129, 4, 3),
        (8, 10, 5),
        (512, 0, 5),
    ],
)
def test_role_affinity_by_memory(memory_gib: int, gb: int, expected: float) -> None:
    candidate = a_candidate(memory_bytes=memory_gib * GIB, model_bytes=gb * GB)
    assert points("role_affinity", candidate) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("trend", "expected"), [(None, 0), (0.0, 5), (1.0, 10), (-1.0, 0), (0.5, 7.5), (9.0, 10), (-9.0, 0)]
)
def test_availability_trend_is_a_trend(trend: float | None, expected: float) -> None:
    assert points("availability_trend", a_candidate(trend=trend)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (1_024, -15),
        (1_999, -15),
        (2_000, 3),
        (2_048, 3),
        (3_000, 7.5),
        (4_096, 7.5),
        (6_000, 12),
        (8_192, 12),
        (15_999, 12),
        (16_000, 15),
        (16_384, 15),
    ],
)
def test_context_fit_for_2000_tokens(context: int, expected: float) -> None:
    assert points("context_fit", a_candidate(context_length=context), 2_000) == pytest.approx(expected)


def test_context_fit_where_nothing_is_known() -> None:
    assert points("context_fit", a_candidate(context_length=None), 2_000) == 0
    assert points("context_fit", a_candidate(context_length=4_096), 0) == 0
    assert points("context_fit", a_candidate(context_length=4_096, loaded=False), 2_000) == 0


BUSY = a_candidate(
    in_flight=2,
    p75_s=30.0,
    bandwidth=400,
    fleet_bandwidth=200,
    model_bytes=40 * GB,
    context_length=4_096,
    trend=0.5,
)


def test_the_total_is_the_sum_of_the_seven() -> None:
    found = weighted.points(BUSY, a_call(estimated_tokens=2_000), Weights())
    assert found["total"] == pytest.approx(sum(found[name] for name in NAMES))
    assert found["total"] == pytest.approx(50 + 20 - 6 - 6 + 9 + 7.5 + 7.5)


@pytest.mark.parametrize("name", NAMES)
def test_points_are_share_times_weight(name: str) -> None:
    call = a_call(estimated_tokens=2_000)
    share: Callable[..., float] = dict(SIGNALS)[name]
    found = weighted.points(BUSY, call, Weights(queue_depth_per=200.0, **{name: 1_000.0}))
    assert found[name] == pytest.approx(share(BUSY, call) * 1_000.0)
    assert -1.0 <= share(BUSY, call) <= 1.0


def test_what_warm_and_cold_are_worth_is_told_in_points() -> None:
    weights = Weights(thermal=40.0, thermal_warm=25.0, thermal_cold=-5.0)
    found = [
        weighted.points(candidate, a_call(), weights)["thermal"]
        for candidate in (
            a_candidate(),
            a_candidate(loaded=False, unloaded_for_s=1.0),
            a_candidate(loaded=False),
        )
    ]
    assert found == pytest.approx([40.0, 25.0, -5.0])
    assert weighted.points(a_candidate(loaded=False), a_call(), Weights(thermal=0.0))["thermal"] == 0.0


def test_memory_fit_counts_the_cache_at_the_context_asked_for() -> None:
    def found(num_ctx: int | None, slots: int = 1) -> float:
        candidate = a_candidate(loaded=False, model_bytes=10 * GB, free_bytes=21 * GB, memory_bytes=64 * GB)
        cached = msgspec.structs.replace(
            candidate, kv_bytes_per_token=100_000, load_context=4_096 * slots, slots_when_loaded=slots
        )
        return weighted.points(cached, a_call(num_ctx=num_ctx), Weights())["memory_fit"]

    assert found(None) == 20  # 10.4 GB
    assert found(8_192) == 15  # 10.8 GB
    assert found(65_536) == 8  # 16.6 GB
    assert found(131_072) == 0  # 23.1 GB
    assert found(None, slots=8) == 15  # 13.3 GB
    assert found(32_768, slots=4) == 0  # 23.1 GB


def test_calls_for_other_models_of_the_node_count_as_waiting() -> None:
    busy = msgspec.structs.replace(a_candidate(in_flight=1, p75_s=30.0), others_s=30.0)
    assert points("wait_time", busy) == pytest.approx(-6)
    elsewhere = msgspec.structs.replace(a_candidate(in_flight=0, p75_s=30.0), others_s=60.0)
    assert points("wait_time", elsewhere) == pytest.approx(-6)


def test_the_references_example_of_a_70b_model() -> None:
    """Studio: loaded, four calls of 12 s; MacBook: on disk, idle, its owner leaving. The Studio wins by 10 points."""
    studio = a_candidate(
        in_flight=4,
        p75_s=12.0,
        bandwidth=800,
        model_bytes=40 * GB,
        memory_bytes=192 * GIB,
        context_length=32_768,
    )
    laptop = a_candidate(
        loaded=False,
        model_bytes=40 * GB,
        free_bytes=90 * GB,
        memory_bytes=128 * GIB,
        bandwidth=133,
        trend=1.0,
    )
    found = [weighted.points(each, a_call(estimated_tokens=2_000), Weights()) for each in (studio, laptop)]
    assert found[0] == pytest.approx(
        {
            "thermal": 50,
            "memory_fit": 20,
            "queue_depth": -24,
            "wait_time": -4.8,
            "role_affinity": 15,
            "availability_trend": 0,
            "context_fit": 15,
            "total": 71.2,
        }
    )
    assert found[1]["total"] == pytest.approx(10 + 20 + (5 + 133 / 40) * 0.6 + 10)
