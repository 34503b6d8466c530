"""Turns and pages of the past share what is left of the hour."""

from exporter.polling.turn_pacing import TurnPacing

MINUTE = 60_000
HOUR = 60 * MINUTE


def pacing(turns: float = 360, planned: float = 420) -> TurnPacing:
    made = TurnPacing(600)
    made.plan(turns, planned)
    return made


def test_turns_that_a_rate_limit_held_up_for_a_minute_come_together_and_no_more():
    made = pacing()
    taken = [0, 0]
    for minute in (0, 1):
        now = HOUR + minute * MINUTE
        while made.next_turn_ms(now) <= now:
            made.turn_taken(now)
            taken[minute] += 1

    assert taken == [8, 8]  # every 8 seconds


def test_the_past_has_what_is_left_of_any_hour_and_a_tenth_at_the_least():
    for planned, expected in ((420, 150), (590, 60)):
        made, sent = pacing(planned=planned), []
        for now in range(HOUR, 4 * HOUR, 10_000):
            if made.next_past_ms(now) <= now:
                made.past_sent(now)
                sent.append(now)

        assert max(sum(start <= one < start + HOUR for one in sent) for start in sent) == expected


def test_a_time_that_was_set_back_holds_up_neither():
    made = pacing(planned=590)
    for _ in range(60):
        made.past_sent(10 * HOUR)
    made.turn_taken(10 * HOUR)

    assert made.next_turn_ms(HOUR) <= HOUR + MINUTE
    assert made.next_past_ms(HOUR) == 0
