"""Which week a report is of: by the skew of this machine's clock that was noted in the ledger, while that is fresh."""

import pytest

from exporter.config import Config, Storage, Workspace
from exporter.ledger import open_ledger
from exporter.report import week_reports

DAY_MS = 86_400_000


@pytest.mark.parametrize(("noted_ago_ms", "is_corrected"), [(60_000, True), (3 * DAY_MS, False)])
def test_a_machine_that_is_a_week_ahead_reports_the_week_of_hex(manual_clock, noted_ago_ms, is_corrected):
    ledger = open_ledger("sqlite://", clock=manual_clock)
    config = Config(workspaces=(Workspace(name="w"),), storage=Storage(url="sqlite://"))
    [right] = week_reports(ledger, config, manual_clock)
    ledger.workspace("w").note_skew(7 * DAY_MS, round(manual_clock.now() * 1000) - noted_ago_ms)

    manual_clock.step(7 * DAY_MS / 1000)
    [report] = week_reports(ledger, config, manual_clock)
    ledger.close()

    assert (report.week == right.week) == is_corrected
