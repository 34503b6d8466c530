"""What the process knows of itself, and the ledger does not."""

from exporter.metrics import Status


class TestStatus:
    def test_a_reader_keeps_the_state_it_took(self) -> None:
        status = Status()
        taken = status.current
        status.beat(1)
        status.update("acme", overdue_projects=1)

        assert (taken.heartbeat_ms, dict(taken.workspaces)) == (None, {})
        assert status.current.heartbeat_ms == 1
        assert status.current.workspaces["acme"].overdue_projects == 1

    def test_what_is_not_said_stays_as_it_was(self) -> None:
        status = Status()
        status.update("acme", planned_requests_per_hour=10, clock_skew_seconds=1)
        status.update("acme", planned_requests_per_hour=0)

        assert status.current.workspaces["acme"].planned_requests_per_hour == 0
        assert status.current.workspaces["acme"].clock_skew_seconds == 1
