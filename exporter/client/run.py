"""One run as a program sees it, and what can become of it."""

from dataclasses import dataclass

from exporter.errors import HexExporterError
from exporter.facts import ACTIVE_STATUSES, TERMINAL_STATUSES


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a project.

    `status` is Hex's in lower case: pending, running, or how it ended (completed, errored, killed,
    unable_to_allocate_kernel); one that is not known is that of a running run until `has_end`. `outcome` is what a
    gateway said it did: hit, joined, miss or bypass; empty where there is none.
    """

    project_id: str
    run_id: str
    url: str
    status: str
    outcome: str = ""
    has_end: bool = False

    @property
    def is_over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.status in TERMINAL_STATUSES or (self.status not in ACTIVE_STATUSES and self.has_end)

    @property
    def is_completed(self) -> bool:
        """Whether it has ended well."""
        return self.status == "completed"

    def raise_for_status(self) -> "Run":
        """The run itself; raises RunFailedError if it has ended in any other way than well."""
        if self.is_over and not self.is_completed:
            raise RunFailedError(self)
        return self


class RunFailedError(HexExporterError):
    """The run has ended, and not well; `run` says how."""

    def __init__(self, run: Run) -> None:
        super().__init__(f"run {run.run_id} of project {run.project_id} ended as {run.status}; see {run.url}")
        self.run = run


class RunTimeoutError(HexExporterError):
    """The run goes on; `run` can be waited for again."""

    def __init__(self, run: Run, seconds: float) -> None:
        super().__init__(f"run {run.run_id} of project {run.project_id} is still {run.status} after {seconds:.0f} s")
        self.run = run


class RunInDoubtError(HexExporterError):
    """The request to start a run has left and no answer came: Hex may have started it, so it was not sent again."""

    def __init__(self, project_id: str, reason: str) -> None:
        super().__init__(
            f"whether a run of project {project_id} was started is not known ({reason}); look at its runs in Hex"
        )
        self.project_id = project_id
