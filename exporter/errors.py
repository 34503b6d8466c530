"""What can go wrong, split by what the caller does next.

HexExporterError
├── ConfigError          a person must change the file, a flag or the environment
├── LedgerError          the ledger cannot be used as requested
│   ├── LedgerBusyError      another process writes it
│   ├── LeaseLostError       another replica owns the workspace
│   └── LedgerTooNewError    a newer program wrote it
└── ApiError             Hex did not give the requested answer
    ├── RateLimitedError     429: wait
    ├── UnauthorizedError    401: the token is wrong, or no longer right
    ├── RefusedError         other 4xx: this token, plan or project does not have it
    ├── UnavailableError     5xx, no connection, no answer in time: try later
    └── BadAnswerError       an answer that is not what the API promises

Every error that leaves a room for its caller to handle has this root; rooms add their own beside these (ProbeError of
`sources`, NoAnswerError of the gateway). Signals that stay inside a room derive from Exception, and so do the two that
readers of a file raise to one another (RejectedError, UnfitError of `config`): a caller gets a ConfigError.
"""

from dataclasses import dataclass


class HexExporterError(Exception):
    """The root of every error that a room raises for its caller; the message is safe to print and to log."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """One mistake in the configuration: where it stands and what would be right.

    `location` is `FILE:LINE`, a flag or an environment variable; `message` is one sentence.
    """

    location: str
    message: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}"


class ConfigError(HexExporterError):
    """The configuration cannot be used; `problems` has every mistake that was found, not only the first."""

    def __init__(self, *problems: ConfigProblem) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems


class LedgerError(HexExporterError):
    """The ledger cannot be used as requested; the message says why in one sentence."""


class LedgerBusyError(LedgerError):
    """Another process is the ledger's writer."""


class LedgerAwayError(LedgerError):
    """The ledger's database cannot be used at this moment: the same may succeed later, with nothing changed here."""


class LeaseLostError(LedgerError):
    """Another replica owns the workspace by now: nothing was written, and whoever wrote should stop."""


class LedgerTooNewError(LedgerError):
    """The ledger was written by a newer program than this one."""


class ApiError(HexExporterError):
    """Hex did not give the requested answer.

    `endpoint` is the metric label value, `status` the HTTP status (None without an answer), `reason` one short
    phrase that is safe to log, `trace_id` what Hex support asks for, where Hex sent one, `retry_after_seconds` how
    long the answer says to wait, an hour at most. `is_from_hex` is False where what answered is not Hex's API.
    """

    def __init__(
        self,
        endpoint: str,
        reason: str,
        *,
        status: int | None = None,
        trace_id: str | None = None,
        retry_after_seconds: float | None = None,
        is_from_hex: bool = True,
    ) -> None:
        message = f"{endpoint}: {reason}" if status is None else f"{endpoint}: {status} {reason}"
        super().__init__(message if trace_id is None else f"{message} (trace {trace_id})")
        self.endpoint = endpoint
        self.reason = reason
        self.status = status
        self.trace_id = trace_id
        self.retry_after_seconds = retry_after_seconds
        self.is_from_hex = is_from_hex


class RateLimitedError(ApiError):
    """429: no request may leave before the workspace's cool-down has passed."""


class UnauthorizedError(ApiError):
    """401: the token is missing, wrong or expired, or the host is that of another Hex deployment."""


class RefusedError(ApiError):
    """Any other 4xx but 408 and 425: this token, plan or project does not have what was requested."""


class UnavailableError(ApiError):
    """5xx, 408, 425, no connection, or no complete answer before the deadline."""


class BadAnswerError(ApiError):
    """An answer that is not what the API promises: HTML, broken JSON, a body beyond the limit, a redirect."""
