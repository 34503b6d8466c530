"""Run keys: what is requested, with the policy and the state of the source that apply to it."""

from dataclasses import dataclass, replace

from exporter.config import Policy
from exporter.facts import Project
from exporter.gateway.cache.fingerprint import fingerprint, request_digest
from exporter.gateway.cache.run_request import RunRequest
from exporter.ledger import SourceState
from exporter.sources import SourceStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class RunKey:
    """What is requested: its digest without (`request`) and with (`fingerprint`) the state of the source.

    `timezone` is where its days begin.
    """

    project: Project
    request: str
    fingerprint: str
    version: str
    is_sampled: bool
    policy: Policy
    source: SourceStatus
    timezone: str = "UTC"

    @property
    def project_id(self) -> str:
        """The project's id."""
        return self.project.project_id

    @property
    def state(self) -> SourceState | None:
        """The state of the project's source if it can be relied on, else None."""
        return _reliable(self.source)

    def with_source(self, source: SourceStatus) -> "RunKey":
        """The key of the same request, its source as given."""
        if _is_same(source, self.source):
            return self
        return replace(self, source=source, fingerprint=_fingerprint(self.request, source))


def run_key(
    project: Project, request: RunRequest, policy: Policy, source: SourceStatus, timezone: str = "UTC"
) -> RunKey:
    """The key of a request to run the project, to which the policy has been applied."""
    # What Hex would refuse is never answered with a result from before: it is a version of its own.
    version = f"{project.state} {project.published_ms or ''}".strip()
    digest = request_digest(project.project_id, version, request)
    return RunKey(
        project=project,
        request=digest,
        fingerprint=_fingerprint(digest, source),
        version=version,
        is_sampled=request.is_sampled,
        policy=policy,
        source=source,
        timezone=timezone,
    )


def _fingerprint(request: str, source: SourceStatus) -> str:
    state = _reliable(source)
    return fingerprint(request, None if state is None else state.digest)


def _is_same(one: SourceStatus, other: SourceStatus) -> bool:
    """Whether they are equal for certain: made of the same parts."""
    return (
        one.state is other.state
        and one.source is other.source
        and (one.key, one.is_known, one.is_fresh) == (other.key, other.is_known, other.is_fresh)
    )


def _reliable(source: SourceStatus) -> SourceState | None:
    return source.state if source.is_known and source.is_fresh else None
