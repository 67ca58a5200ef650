"""Things handed to a thread: none lost, none twice, in order, and the thread woken once for many."""

import threading
import time

from shared.batches import Batches

THREADS, EACH = 4, 5_000
MOMENT_S = 0.05
DEADLINE_S = 20.0


def test_a_batch_has_all_in_order() -> None:
    batches: Batches[int] = Batches(100, 100, 0)
    assert all(batches.put(number) for number in range(10))
    assert len(batches) == 10
    assert batches.take(None) == list(range(10))
    assert batches.take(0) == []
    assert len(batches) == 0


def test_what_has_no_room_is_not_taken() -> None:
    batches: Batches[int] = Batches(2, 100, 0)
    assert [batches.put(number) for number in range(4)] == [True, True, False, False]
    assert batches.take(None) == [0, 1]
    assert batches.put(4)


def test_more_than_a_batch_is_taken_without_waiting() -> None:
    batches: Batches[int] = Batches(100, 3, gather_s=DEADLINE_S)
    for number in range(8):
        batches.put(number)
    began = time.monotonic()
    assert [batches.take(None), batches.take(None)] == [[0, 1, 2], [3, 4, 5]]
    assert time.monotonic() - began < DEADLINE_S / 2
    batches.close()
    assert batches.take(None) == [6, 7]


def test_the_last_of_a_batch_is_waited_for() -> None:
    batches: Batches[int] = Batches(100, 100, MOMENT_S)
    later = threading.Timer(MOMENT_S / 5, batches.put, [2])
    batches.put(1)
    began = time.monotonic()
    later.start()
    batch = batches.take(None)
    assert time.monotonic() - began >= MOMENT_S
    later.join()
    assert batch + batches.take(0) == [1, 2]


def test_a_hurry_ends_all_waiting() -> None:
    batches: Batches[int] = Batches(100, 100, gather_s=DEADLINE_S)
    began = time.monotonic()
    threading.Timer(MOMENT_S, batches.hurry).start()
    assert batches.take(DEADLINE_S) == []
    batches.put(1)
    threading.Timer(MOMENT_S, batches.hurry).start()
    assert batches.take(DEADLINE_S) == [1]
    batches.close()
    assert batches.take(None) == []
    batches.put(2)
    assert batches.take(None) == [2]
    assert time.monotonic() - began < DEADLINE_S / 2


def test_many_threads_lose_nothing_and_leave_nothing_unseen() -> None:
    """Each batch is waited for without a limit: a wake-up that went missing would stand still here."""
    batches: Batches[tuple[int, int]] = Batches(THREADS * EACH, 50, 0.0001)
    taken: list[tuple[int, int]] = []

    def put(thread: int) -> None:
        for number in range(EACH):
            batches.put((thread, number))
            if number % 97 == 0:
                time.sleep(0)

    def take() -> None:
        while len(taken) < THREADS * EACH:
            taken.extend(batches.take(None))

    taker = threading.Thread(target=take, daemon=True)
    putters = [threading.Thread(target=put, args=[each]) for each in range(THREADS)]
    for each in (taker, *putters):
        each.start()
    taker.join(DEADLINE_S)
    assert not taker.is_alive(), f"{len(taken)} taken, {len(batches)} lie there"
    for thread in range(THREADS):
        assert [number for whose, number in taken if whose == thread] == list(range(EACH))
