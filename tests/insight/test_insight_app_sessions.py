"""What sessions of apps may cost: an estimate from above."""

from exporter.config import Prices
from exporter.insight import AppSessions, ViewedApp, sessions_cost, tariff

HOUR_MS = 3_600_000


def test_each_view_is_a_usual_run_and_the_idle_timeout_after_it():
    viewed = [ViewedApp(4, 45 * 60_000, "large"), ViewedApp(100, 60_000, "medium")]

    assert sessions_cost(viewed, tariff(Prices())) == AppSessions(apps=2, views=104, micro_usd=4 * 320_000)


def test_apps_without_views_cost_nothing_and_those_without_a_known_run_are_left_out():
    viewed = [ViewedApp(0, HOUR_MS, "large"), ViewedApp(7, None, "large")]

    assert sessions_cost(viewed, tariff(Prices())) == AppSessions(untimed=1)
