"""Rate limits: never more than a window allows, and waiting as `Retry-After` says is always enough."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.simulator import RateLimits, parse_limits
from exporter.simulator.rate_limits import Group, Limiter, Window
from exporter.simulator.refusals import RefusalError


class TestLimiter:
    @settings(max_examples=50)
    @given(
        steps=st.lists(st.floats(0, 5), min_size=1, max_size=200),
        allowed=st.integers(1, 10),
        seconds=st.integers(1, 30),
    )
    def test_no_window_ever_has_more_than_its_number(self, steps, allowed, seconds):
        limiter = Limiter(RateLimits(windows={Group.DEFAULT: (Window(allowed, seconds),)}))
        now, admitted, reported = 0.0, [], []
        for step in steps:
            now += step
            try:
                limiter.admit("a", Group.DEFAULT, now, now)
            except RefusalError as refusal:
                reported.append(int(refusal.headers["Retry-After"]))
            else:
                admitted.append(now)

        # The windows begin with a request, so that two of them may meet: twice the number at the most.
        assert all(1 <= wait <= seconds for wait in reported)
        for at in admitted:
            assert sum(1 for other in admitted if at <= other < at + seconds) <= 2 * allowed

    @settings(max_examples=30)
    @given(st.integers(1, 40))
    def test_waiting_as_retry_after_says_is_enough(self, requested):
        limiter, now = Limiter(RateLimits.documented()), 100.0
        for _ in range(requested):
            try:
                limiter.admit("a", Group.RUN, now, now)
            except RefusalError as refusal:
                now += int(refusal.headers["Retry-After"])
                limiter.admit("a", Group.RUN, now, now)

    def test_a_refused_request_is_not_counted(self):
        limiter = Limiter(RateLimits(windows={Group.DEFAULT: (Window(1, 60),)}))
        limiter.admit("a", Group.DEFAULT, 0.0, 0.0)
        for at in range(1, 60):
            with pytest.raises(RefusalError):
                limiter.admit("a", Group.DEFAULT, float(at), float(at))

        limiter.admit("a", Group.DEFAULT, 60.0, 60.0)


class TestDocumented:
    @pytest.mark.parametrize(
        ("path", "in_a_minute"),
        [
            ("/v1/data-connections", 30),
            ("/v1/threads", 30),
            ("/v1/users/me", 30),
            ("/v1/users", 30),
            ("/v1/projects", 60),
            ("/v1/groups", 60),
        ],
    )
    def test_each_group_has_its_minute(self, make_api, path, in_a_minute, manual_clock):
        api = make_api(limits=RateLimits.documented())
        codes = [api.get(path, limit=1).status_code for _ in range(in_a_minute + 1)]

        assert codes == [200] * in_a_minute + [429]
        manual_clock.advance(60)
        assert api.get(path, limit=1).status_code == 200

    def test_runs_are_started_twenty_times_a_minute_and_sixty_times_an_hour(self, make_api, manual_clock):
        api = make_api(limits=RateLimits.documented())
        path, dry = f"/v1/projects/{api.of_sort('api').project_id}/runs", {"dryRun": True}
        started = 0
        for _ in range(5):
            started += sum(api.post(path, json=dry).status_code == 201 for _ in range(22))
            manual_clock.advance(60)

        assert started == 60
        manual_clock.advance(3600)
        assert api.post(path, json=dry).status_code == 201

    def test_the_hour_is_limited_too(self, manual_clock):
        limiter, admitted = Limiter(RateLimits.documented()), 0
        for minute in range(61):
            for _ in range(31):
                try:
                    limiter.admit("a", Group.DEFAULT, minute * 59.0, 0.0)
                except RefusalError:
                    continue
                admitted += 1

        assert admitted <= 1800

    def test_tokens_do_not_share_their_limit(self, make_api):
        api = make_api(limits=RateLimits.documented())
        for _ in range(31):
            last = api.get("/v1/users/me")
        api.token = "hxtw_other"

        assert last.status_code == 429
        assert api.get("/v1/users/me").status_code == 200


class TestTelling:
    def refused(self, make_api, **options):
        limits = RateLimits(windows={Group.SLOWER: (Window(2, 60),)}, **options)
        api = make_api(limits=limits)
        return [api.get("/v1/users/me") for _ in range(3)]

    def test_in_seconds(self, make_api):
        assert self.refused(make_api)[2].headers["retry-after"] == "60"

    def test_as_a_date(self, make_api):
        last = self.refused(make_api, retry_after="date")[2]

        assert (last.headers["date"], last.headers["retry-after"]) == (
            "Wed, 18 Nov 2026 11:06:40 GMT",
            "Wed, 18 Nov 2026 11:07:40 GMT",
        )

    def test_not_at_all(self, make_api):
        last = self.refused(make_api, retry_after=None)[2]

        assert last.status_code == 429
        assert "retry-after" not in last.headers

    def test_what_is_left_is_announced_only_when_wanted(self, make_api):
        first, second, _ = self.refused(make_api, announces=True)

        assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
        assert second.headers["ratelimit-remaining"] == "0"
        assert second.headers["ratelimit-reset"] == "60"
        assert "ratelimit-limit" not in self.refused(make_api)[0].headers


class TestParsing:
    def test_the_words(self):
        assert parse_limits("documented") == RateLimits.documented()
        assert parse_limits("off") == RateLimits.off()

    def test_a_size(self):
        limits = parse_limits("120/7200")

        assert limits.windows[Group.DEFAULT] == (Window(120, 60), Window(7200, 3600))
        assert limits.windows["all"] == (Window(240, 60),)

    @pytest.mark.parametrize("text", ["", "fast", "0/10", "10", "10/-1", "1/2/3"])
    def test_anything_else_is_refused(self, text):
        with pytest.raises(ValueError, match=r"write 'documented', 'off' or PER_MINUTE/PER_HOUR"):
            parse_limits(text)
