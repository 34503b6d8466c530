"""The run gateway: where it listens, how much it takes, and what it may answer from an earlier result."""

import re
from typing import Literal

from msgspec import Struct, field

from exporter.config.match import PATTERNS, Match
from exporter.config.urls import is_plain_to_others, is_public, normal_public_url
from exporter.facts import Project

_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_TAKEN_HEADERS = frozenset({
    "authorization", "cache-control", "connection", "content-encoding", "content-length", "content-type", "cookie",
    "host", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "x-hex-exporter-cache",
})  # fmt: skip


Join = Literal["always", "while_source_same", "never"]
"""When a run request may join a run that is running already."""

Writeback = Literal["run", "skip_ok"]
"""What happens to requests for a project that writes to a database when it runs."""

WRITEBACKS: tuple[Writeback, ...] = ("run", "skip_ok")

JOINS: tuple[Join, ...] = ("always", "while_source_same", "never")


class Queue(Struct, frozen=True, kw_only=True):
    """How many run requests wait, in all, for one caller and from one address, and for how long at most."""

    length: int = 100
    per_caller: int = 20
    per_address: int = 50
    wait_seconds: float = field(default=50.0, name="wait")


class RunLimits(Struct, frozen=True, kw_only=True):
    """How many runs may be sent in a minute and in an hour; the defaults are what Hex documents for RunProject."""

    per_minute: int = 20
    per_hour: int = 60


class AllowedCaller(Struct, frozen=True, kw_only=True):
    """A caller that the gateway serves: whoever sends the token with this SHA-256, or has a certificate of this name.

    `token_sha256` is in lower-case hexadecimal. `weight`: its share of reads and places beside other callers'. Raises
    ValueError for an entry that names no caller, or two.
    """

    token_sha256: str | None = None
    certificate: str | None = None
    weight: int = 1

    def __post_init__(self) -> None:
        if (self.token_sha256 is None) == (self.certificate is None):
            raise ValueError("write either token_sha256 or certificate, and one entry for each caller")


class Failures(Struct, frozen=True, kw_only=True):
    """After how many failed runs of a project in a row, within so many seconds, no more are started for a while."""

    most: int
    within_seconds: float = field(name="within")


class Sample(Struct, frozen=True, kw_only=True):
    """What makes a run a trial: a request with the header runs with this input parameter set to the value.

    Raises ValueError for a header that means something else already.
    """

    header: str
    parameter: str
    value: int | float | str | bool

    def __post_init__(self) -> None:
        if not _HEADER.fullmatch(self.header):
            raise ValueError("header is not the name of a header; write one such as X-Hex-Trial")
        if self.header.lower() in _TAKEN_HEADERS:
            raise ValueError(
                f"the header {self.header} has a meaning already; write one of your own such as X-Hex-Trial"
            )


Then = Literal["cached_only", "queue", "refuse"]
"""What happens to a request that needs a run when the budget is spent."""

THENS: tuple[Then, ...] = ("cached_only", "queue", "refuse")

Severity = Literal["info", "warning", "critical"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


class BrakeExcept(Struct, frozen=True, kw_only=True):
    """What passes a brake: projects that match any of `match`, and callers by their token's SHA-256 in hexadecimal."""

    match: tuple[Match, ...] = ()
    tokens: tuple[str, ...] = ()


class BudgetBrake(Struct, frozen=True, kw_only=True):
    """What happens to requests that need a run once a budget has reached one of its thresholds.

    A result that is younger than `max_stale_seconds` answers them, whatever the source says (None: with `cached_only`
    one within the policy's `max_age`, else none does). Without one they wait (`queue`) or are refused.
    """

    budget: str
    at: Severity = "critical"
    then: Then = "cached_only"
    max_stale_seconds: float | None = field(default=None, name="max_stale")
    left_out: BrakeExcept = field(default=BrakeExcept(), name="except")


class Policy(Struct, frozen=True, kw_only=True):
    """What applies to run requests of the projects that match; durations in seconds.

    `max_age_seconds`: a result that is older answers nothing. `min_interval_seconds`: a younger one answers, whatever
    the source says. `unchanged_for_seconds`: a project without a known source is taken as unchanged for so long after a
    run; None: it does not. `shared`: a result also answers others who may read the project and the run. `join`: when a
    request joins a running run; without a source `while_source_same` only joins one that was started at most
    `join_window_seconds` before the request came. `day_changes`: the notebooks show another day after midnight of the
    week's zone, so that no result from before answers. The other two booleans are what a request that says nothing
    means; None: what Hex makes of it. `failures`: when a project that always fails is no longer run; None: it is.
    `when_budget_spent`: what happens once a budget is spent; None: nothing.
    `writeback`: of a project that writes to a database when it runs, `run` each request, or answer it as any other.
    Raises ValueError for intervals
    that no result can live to see, and for a sample of projects that are not named.
    """

    match: Match = Match()
    max_age_seconds: float = field(default=86_400.0, name="max_age")
    min_interval_seconds: float = field(default=0.0, name="min_interval")
    unchanged_for_seconds: float | None = field(default=None, name="unchanged_for")
    shared: bool = False
    join: Join = "while_source_same"
    join_window_seconds: float = field(default=30.0, name="join_window")
    day_changes: bool = True
    update_published_results: bool | None = None
    use_cached_sql_results: bool | None = None
    failures: Failures | None = None
    sample: Sample | None = None
    writeback: Writeback = "run"
    when_budget_spent: BudgetBrake | None = None

    def __post_init__(self) -> None:
        intervals = {"min_interval": self.min_interval_seconds, "unchanged_for": self.unchanged_for_seconds}
        for key, seconds in intervals.items():
            if seconds is not None and seconds > self.max_age_seconds:
                raise ValueError(f"{key} is longer than max_age; write at most {self.max_age_seconds:g}s")
        brake = self.when_budget_spent
        if brake is not None and brake.max_stale_seconds is not None:
            shortest = max(self.min_interval_seconds, self.unchanged_for_seconds or 0.0)
            if brake.max_stale_seconds < shortest:
                raise ValueError(
                    f"max_stale of when_budget_spent is shorter than min_interval or unchanged_for, within which a "
                    f"result answers anyway; write at least {shortest:g}s"
                )
        if self.sample is not None and not _names_projects(self.match):
            raise ValueError("sample would apply to every project; add a match with a pattern other than * on projects")


class Gateway(Struct, frozen=True, kw_only=True):
    """The run gateway of one workspace. `concurrency`: how many runs it keeps active at once.

    `rights_ttl_seconds`: how old the proof that a caller may run a project may be. `callers`: the only ones that are
    served; none: everyone whose token Hex accepts. `public_url` is what callers use, without `/api/v1`; None: the
    address it listens on. Raises ValueError for tokens that would travel in the clear: a public address without
    `web_config_file`, an http `public_url`, each unless `allow_insecure`.
    """

    listen_address: str = "127.0.0.1:9892"
    workspace: str | None = None
    public_url: str | None = None
    web_config_file: str | None = None
    allow_insecure: bool = False
    concurrency: int = 3
    queue: Queue = Queue()
    run_limits: RunLimits = RunLimits()
    rights_ttl_seconds: float = field(default=900.0, name="rights_ttl")
    callers: tuple[AllowedCaller, ...] = ()
    policies: tuple[Policy, ...] = ()

    def __post_init__(self) -> None:
        if self.public_url is not None:
            normal_public_url(self.public_url)
        if self.allow_insecure:
            return
        if is_public(self.listen_address) and self.web_config_file is None:
            raise ValueError(
                f"the public address {self.listen_address} has no TLS, and callers send their Hex tokens there; "
                "add web_config_file, write a loopback address, or add allow_insecure: true"
            )
        if self.public_url is not None and is_plain_to_others(self.public_url):
            raise ValueError(
                "public_url is not encrypted, and callers send their Hex tokens there; write https://, "
                "or add allow_insecure: true"
            )

    @property
    def braking_budgets(self) -> tuple[str, ...]:
        """The names of the budgets by which policies brake, each once."""
        brakes = (policy.when_budget_spent for policy in self.policies)
        return tuple(dict.fromkeys(brake.budget for brake in brakes if brake is not None))

    def policy(self, workspace_name: str, project: Project) -> Policy:
        """The first policy that matches the project; without one, the defaults."""
        return next((policy for policy in self.policies if policy.match.matches(workspace_name, project)), Policy())


def _names_projects(match: Match) -> bool:
    """Whether the match selects projects: by a pattern that is more than `*`, on more than the workspace."""
    patterns = [getattr(match, name) for name in PATTERNS[1:]]
    patterns.append(None if match.team is None else match.team.pattern)
    return any(pattern is not None and pattern.strip("*") for pattern in patterns)
