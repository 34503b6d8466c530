"""How much more was used than before, and since when."""

from exporter.insight.growth import growth_between

HOUR = 3_600_000
MINUTE = 60_000


def every(step_ms, count, start_ms=0, amount=1):
    return [(start_ms + place * step_ms, amount) for place in range(count)]


def test_what_ran_as_before_has_not_grown():
    assert growth_between(every(HOUR, 50), every(HOUR, 50)).amount == 0


def test_a_loop_began_with_its_first_run():
    used = [*every(HOUR, 50), *every(MINUTE, 300, 40 * HOUR)]

    assert growth_between(used, every(HOUR, 50)) == (300, 40 * HOUR)


def test_a_single_extra_run_days_before_is_not_the_start_of_a_loop():
    used = [(3 * HOUR, 1), *every(HOUR, 50), *every(MINUTE, 300, 40 * HOUR)]

    assert growth_between(used, every(HOUR, 50)).since_ms == 40 * HOUR


def test_a_new_hourly_schedule_began_with_its_first_run_though_it_is_slow():
    assert growth_between(every(HOUR, 30, 10 * HOUR), []) == (30, 10 * HOUR)


def test_money_grows_by_amount_where_the_number_of_runs_does_not():
    used = [*every(HOUR, 20, amount=5), *every(HOUR, 20, 20 * HOUR, amount=50)]

    assert growth_between(used, every(HOUR, 40, amount=5)) == (900, 20 * HOUR)


def test_less_than_before_is_no_growth():
    assert growth_between(every(HOUR, 3), every(MINUTE, 300)).since_ms is None
