"""Who may do something how often, and how many at once."""

from __future__ import annotations

from contextlib import ExitStack

from channels.throttle import _PAID, _REMEMBERED, AtOnce, Throttle


def test_a_burst_is_allowed_and_then_so_many_a_second() -> None:
    now = 0.0
    throttle = Throttle(burst=3, per_second=2, clock=lambda: now)
    assert [throttle.spend("ada") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    now = 0.5
    assert throttle.spend("ada") == 0.0
    assert throttle.spend("ada") == 0.5
    now = 1000.0
    assert [throttle.spend("ada") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]


def test_asking_too_often_does_not_make_one_wait_longer() -> None:
    now = 0.0
    throttle = Throttle(burst=1, per_second=1, clock=lambda: now)
    throttle.spend("ada")
    for _ in range(100):
        assert throttle.spend("ada") == 1.0
    now = 1.0
    assert throttle.spend("ada") == 0.0


def test_each_key_has_a_bucket_of_its_own() -> None:
    throttle = Throttle(burst=1, per_second=1, clock=lambda: 0.0)
    assert (throttle.spend("ada"), throttle.spend("bob"), throttle.spend("ada")) == (0.0, 0.0, 1.0)


def test_the_same_thing_again_costs_nothing() -> None:
    throttle = Throttle(burst=2, per_second=1, clock=lambda: 0.0)
    assert [throttle.spend("ada", "one") for _ in range(50)] == [0.0] * 50
    assert throttle.spend("ada", "two") == 0.0
    assert throttle.spend("ada", "three") == 1.0
    assert throttle.spend("ada", "three") == 1.0, "what was refused was not paid for"
    assert throttle.spend("ada", "two") == 0.0
    assert throttle.spend("bob", "three") == 0.0
    assert throttle.spend("ada") == 1.0


def test_what_was_paid_for_is_forgotten_from_its_oldest() -> None:
    throttle = Throttle(burst=_PAID + 1, per_second=1, clock=lambda: 0.0)
    for number in range(_PAID + 1):
        assert throttle.spend("ada", str(number)) == 0.0
    assert throttle.spend("ada", "1") == 0.0
    assert throttle.spend("ada", "0") == 1.0


def test_a_flood_of_keys_is_forgotten_from_its_oldest() -> None:
    throttle = Throttle(burst=1, per_second=1, clock=lambda: 0.0)
    for number in range(2 * _REMEMBERED):
        throttle.spend(str(number))
    assert len(throttle._buckets) == _REMEMBERED
    assert throttle.spend(str(2 * _REMEMBERED - 1)) == 1.0


async def test_of_too_many_at_once_the_oldest_is_told_to_end_and_each_leaves_nothing_behind() -> None:
    crowd = AtOnce(2)
    with ExitStack() as stack:
        ada = [stack.enter_context(crowd.counted("ada")) for _ in range(4)]
        bob = stack.enter_context(crowd.counted("bob"))
        assert [each.done() for each in (*ada, bob)] == [True, True, False, False, False]
    with crowd.counted("ada") as one, crowd.counted("ada") as other:
        assert not one.done()
        assert not other.done()
    assert crowd._under_way == {}
