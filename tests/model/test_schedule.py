import itertools
import random

import pytest
from tightrope.sim.model.schedule import run_locked, run_shares, run_stealing


def test_static_harts_end_with_the_sum_of_their_chunks():
    assert run_shares([[1.0, 2.0, 3.0, 4.0]] * 3, [0, 1, 1, 4]) == [1.0, 0, 9.0]


def test_a_hart_that_is_done_helps_the_next_one_that_is_not():
    ends, owners = run_stealing([[5.0, 1.0, 1.0, 1.0, 1.0]] * 2, [0, 4, 5])
    assert owners == [0, 1, 1, 1, 1]
    assert ends == [5.0, 4.0]


def test_nobody_helps_where_all_are_alike():
    ends, owners = run_stealing([[2.0, 1.0] * 3] * 3, [0, 2, 4, 6])
    assert owners == [0, 0, 1, 1, 2, 2]
    assert ends == [3.0, 3.0, 3.0]


def test_a_slow_hart_takes_fewer_chunks_or_is_the_last():
    times = [[1.0] * 8, [3.0] * 8]
    ends, owners = run_stealing(times, [0, 4, 8])
    assert owners == [0, 0, 0, 0, 1, 1, 0, 0]
    assert ends == [6.0, 6.0]
    assert run_shares(times, [0, 4, 8]) == [4.0, 12.0]


@pytest.mark.parametrize("seed", range(5))
def test_stealing_is_within_twice_of_the_ideal(seed):
    rng = random.Random(seed)
    times = [rng.uniform(1, 10) for _ in range(40)]
    ends, owners = run_stealing([times] * 4, [0, 10, 20, 30, 40])
    assert sum(ends) == pytest.approx(sum(times))
    assert max(ends) <= sum(times) / 4 + max(times)
    for hart in range(4):
        assert sum(t for t, o in zip(times, owners, strict=True) if o == hart) == pytest.approx(
            ends[hart]
        )


def test_holds_of_one_tile_follow_each_other():
    chunks = [[((0,), 3.0)], [((0,), 4.0)], [((1,), 2.0)]]
    ends, waited, owners = run_locked(chunks, [0, 1, 2, 3], 3)
    # Hart 0 asks last.
    assert ends == [7.0, 4.0, 2.0]
    assert waited == [4.0, 0.0, 0.0]
    assert owners == [0, 1, 2]


def test_a_hold_of_two_tiles_waits_for_both():
    chunks = [[((0, 1), 1.0)], [((0,), 3.0)], [((1,), 5.0)]]
    ends, waited, _ = run_locked(chunks, [0, 1, 2, 3], 3)
    assert ends == [6.0, 3.0, 5.0]
    assert waited[0] == 5.0


def test_a_chunk_of_several_groups_takes_their_tiles_in_turn():
    ends, waited, _ = run_locked([[((0,), 2.0), ((1,), 2.0)], [((1,), 3.0)]], [0, 1, 2], 2)
    assert ends == [5.0, 3.0]
    assert waited == [1.0, 0.0]


def test_stolen_chunks_are_each_done_once():
    chunks = [[((i % 2,), 1.0)] for i in range(10)]
    ends, _, owners = run_locked(chunks, [0, 3, 6, 8, 10], 4, steal=True)
    assert sorted(set(owners)) == [0, 1, 2, 3] and len(owners) == 10
    assert max(ends) == 5.0


def test_a_first_hold_is_longer_only_once_it_has_tiles():
    first = [[((), 1.0), ((0,), 2.0)], [((), 4.0), ((0,), 2.0)]]
    ends, waited, _ = run_locked(first, [0, 1, 2], 2, cold=5.0)
    assert ends == [8.0, 15.0]
    assert waited == [0.0, 4.0]


def test_a_hart_without_tiles_pays_for_its_cold_caches_as_well():
    ends, _, _ = run_locked([[((), 1.0)], [((0,), 2.0)]], [0, 1, 2], 2, cold=5.0)
    assert ends == [6.0, 7.0]


def by_events(times, first):
    """Stealing, event by event."""
    queues = [list(range(*ends)) for ends in itertools.pairwise(first)]
    free = [(0.0, hart) for hart in range(len(times))]
    ends, owners = [0.0] * len(times), [-1] * len(times[0])
    while free:
        now, hart = min(free)
        free.remove((now, hart))
        others = [queue for queue in queues[hart:] + queues[:hart] if queue]
        if not others:
            ends[hart] = now
            continue
        chunk = others[0].pop(0)
        owners[chunk] = hart
        free.append((now + times[hart][chunk], hart))
    return ends, owners


@pytest.mark.parametrize("spread", [0.0, 0.1, 0.6])
@pytest.mark.parametrize("seed", range(20))
def test_stealing_is_the_same_where_nobody_has_to_steal(seed, spread):
    rng = random.Random(seed)
    first = [0, *itertools.accumulate(rng.choice([3, 3, 3, 2, 0]) for _ in range(6))]
    times = [
        [rng.uniform(1 - spread, 1) * (3 - index % 3) for index in range(first[-1])]
        for _ in range(6)
    ]
    assert run_stealing(times, first) == by_events(times, first)
