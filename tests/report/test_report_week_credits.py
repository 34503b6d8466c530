"""AI credits in the report of a week."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from reported_week import DAY_MS

from exporter.config import Config
from exporter.facts import Seat, Thread
from exporter.ledger import open_ledger
from exporter.report.week_forms import WEEK_FORMS
from exporter.report.week_report import week_reports


class TestCredits:
    """By whom and with what AI credits were used, and what is left of the grants; sums by hand."""

    @pytest.fixture
    def reported(self, folder: Path, config: Config, manual_clock: Any) -> Any:
        now_ms = round(manual_clock.now() * 1000)
        opened = open_ledger(config.storage.url, clock=manual_clock)
        acme = opened.workspace("acme")
        acme.record_seats([Seat(user_id="1", email="a@sales.example", role="editor")], now_ms)
        for ago, credits_milli in ((8 * DAY_MS, 0), (DAY_MS, 6_000), (0, 50_000)):
            thread = Thread(thread_id="t", user_id="1", created_ms=now_ms - 9 * DAY_MS, credits_milli=credits_milli)
            acme.record_threads([replace(thread, updated_ms=now_ms - ago, model="opus")], now_ms - ago)
            acme.record_collector("threads", True, now_ms - ago)
        opened.close()
        reader = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
        report = json.loads(WEEK_FORMS["json"](list(week_reports(reader, config, manual_clock, workspace="acme"))))[0]
        reader.close()
        return report

    def test_by_user_and_by_model(self, reported: Any) -> None:
        (user,), (model,) = reported["user"], reported["model"]

        assert (user["user"], user["team"]) == ("a@sales.example", "sales")
        assert (model["model"], model["source"], model["thread_type"]) == ("opus", "unknown", "unknown")
        # Wednesday: 44 since yesterday, and of the 6 of the week before that the part of Monday and Tuesday.
        assert user["credits"] == model["credits"]
        assert user["credits"] + user["previous_credits"] == 50
        assert 44 < user["credits"] < 50

    def test_what_is_left_and_what_has_to_be_bought(self, reported: Any) -> None:
        (grant,) = reported["grant"]

        assert (grant["granted"], grant["used"], grant["left"], grant["beyond"]) == (40, 50, 0, 10)
        assert grant["top_ups"] > 0
        assert grant["top_ups_usd"] == 25 * grant["top_ups"]
        assert any("lower bound" in remark for remark in reported["remarks"])
        assert any("more top-ups" in remark for remark in reported["remarks"])


class TestGrantsOfAnotherMonth:
    """The grant in the report of a week is that of the month of its last day, whatever month it is now."""

    def test_it_is_named_and_stands_as_at_the_end_of_the_week(
        self, folder: Path, config: Config, manual_clock: Any
    ) -> None:
        now_ms = round(manual_clock.now() * 1000)
        opened = open_ledger(config.storage.url, clock=manual_clock)
        acme = opened.workspace("acme")
        acme.record_seats([Seat(user_id="1", email="a@sales.example", role="editor")], now_ms - 60 * DAY_MS)
        acme.record_seats([Seat(user_id="1", email="a@sales.example", role="editor")], now_ms)
        # 30 credits five weeks ago, in the month before, and 5 yesterday.
        for ago, credits_milli in ((36 * DAY_MS, 0), (35 * DAY_MS, 30_000), (DAY_MS, 30_000), (0, 35_000)):
            thread = Thread(thread_id="t", user_id="1", created_ms=now_ms - 40 * DAY_MS, credits_milli=credits_milli)
            acme.record_threads([replace(thread, updated_ms=now_ms - ago, model="opus")], now_ms - ago)
            acme.record_collector("threads", True, now_ms - ago)
        acme.record_collector("users", True, now_ms)
        opened.close()
        reader = open_ledger(config.storage.url, clock=manual_clock, read_only=True)
        grants = []
        for ago in (35, 0):
            day = f"{datetime.fromtimestamp(manual_clock.now() - ago * 86_400, UTC):%Y-%m-%d}"
            reports = week_reports(reader, config, manual_clock, workspace="acme", week=day)
            grants.append(json.loads(WEEK_FORMS["json"](list(reports)))[0].get("grant"))
        reader.close()

        (then,), (now,) = grants
        assert (then["grant"], then["used"], then["left"]) == ("2026-10", 30, 10)
        assert (now["grant"], now["used"], now["left"]) == ("2026-11", 5, 35)
