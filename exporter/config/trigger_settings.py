"""Change triggers: which projects are run when their source has changed, and when they may be."""

from collections.abc import Iterable

from msgspec import Struct, field

from exporter.config.gateway_settings import BudgetBrake
from exporter.config.match import Match
from exporter.facts import Project

DAY_MINUTES = 24 * 60

InputValue = int | float | str | bool
"""One value of an input, as the API of Hex takes it."""


class QuietTime(Struct, frozen=True):
    """A time of each day in which nothing is started: minutes since midnight, the end not among them.

    One that ends at or before its begin goes on over midnight.
    """

    begins: int
    ends: int

    def has(self, minute: int) -> bool:
        """Whether this minute of a day is in it."""
        if self.begins < self.ends:
            return self.begins <= minute < self.ends
        return minute >= self.begins or minute < self.ends


class Trigger(Struct, frozen=True, kw_only=True):
    """When the projects that match are run because their source has changed; durations in seconds.

    `settle_seconds`: the source has to rest that long. `min_interval_seconds`: the shortest time between two runs.
    `latest_seconds`: a run comes at least so often, change or not; None: never without a change. `quiet`: when nothing
    is started, in the zone of the week. `inputs`: the parameters of the run by name. `attempts`: how often a run that
    fails is started in all. `dry_run`: what would run is only reported. The token is where `token_file` or `token_env`
    says. `when_budget_spent` applies in the place of that of the gateway's policy; whatever it says, the run waits.
    Raises ValueError for what contradicts itself.
    """

    match: Match
    left_out: tuple[Match, ...] = field(default=(), name="except")
    settle_seconds: float = field(default=300.0, name="settle")
    min_interval_seconds: float = field(default=0.0, name="min_interval")
    latest_seconds: float | None = field(default=None, name="latest")
    quiet: tuple[QuietTime, ...] = ()
    inputs: tuple[tuple[str, InputValue | tuple[InputValue, ...]], ...] = ()
    attempts: int = 3
    dry_run: bool = True
    token_file: str | None = None
    token_env: str | None = None
    when_budget_spent: BudgetBrake | None = None

    def __post_init__(self) -> None:
        if self.token_file is not None and self.token_env is not None:
            raise ValueError("both token_file and token_env are given; remove one of them")
        if not self.dry_run and self.token_file is None and self.token_env is None:
            raise ValueError("runs need a token of their own, with the scope to run projects; add token_file")
        if self.latest_seconds is not None and self.latest_seconds < max(self.min_interval_seconds, 60.0):
            shortest = max(self.min_interval_seconds, 60.0)
            raise ValueError(f"latest is shorter than min_interval or a minute; write at least {shortest:g}s")
        brake = self.when_budget_spent
        stale = None if brake is None else brake.max_stale_seconds
        if stale is not None and stale < self.settle_seconds:
            raise ValueError(
                f"max_stale of when_budget_spent is shorter than settle, so that no result would ever be fresh enough; "
                f"write at least {self.settle_seconds:g}s"
            )
        if covers_day(self.quiet):
            raise ValueError("quiet covers the whole day, so that nothing would ever run; leave some time out")

    def matches(self, workspace: str, project: Project) -> bool:
        """Whether the project is one of those."""
        is_left_out = any(one.matches(workspace, project) for one in self.left_out)
        return self.match.matches(workspace, project) and not is_left_out


def covers_day(quiet: Iterable[QuietTime]) -> bool:
    """Whether no minute of a day is left."""
    times = tuple(quiet)
    return bool(times) and all(any(one.has(minute) for one in times) for minute in range(DAY_MINUTES))
