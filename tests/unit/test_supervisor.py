"""When the local stack's supervisor starts what died: at once the first time, later and later if it dies again."""

from __future__ import annotations

from restoration.local.supervisor import LONGEST_PAUSE_SECONDS, Patience


def test_what_dies_for_the_first_time_is_started_at_once():
    assert Patience().may_start("worker", 0.0)


def test_what_dies_again_and_again_waits_longer_each_time_up_to_a_minute():
    patience, now, pauses = Patience(), 100.0, []
    for _ in range(9):
        patience.started(["worker"], now)
        died = now = now + 1.0
        while not patience.may_start("worker", now):
            now += 0.5
        pauses.append(now - died)
    assert pauses == sorted(pauses)
    assert pauses[0] == 0.0
    assert LONGEST_PAUSE_SECONDS - 2 <= pauses[-1] <= LONGEST_PAUSE_SECONDS
    assert patience.may_start("review", now)


def test_what_lived_for_long_is_started_at_once_again():
    patience = Patience()
    for now in (0.0, 2.0, 6.0):
        patience.started(["worker"], now)
    assert not patience.may_start("worker", 7.0)
    patience.started(["worker"], 500.0)
    assert patience.may_start("worker", 501.0)
