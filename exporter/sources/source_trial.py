"""Each source of a workspace probed once, now: what `check` says before `serve` relies on it."""

from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

import httpx

from exporter.clock import Clock
from exporter.config import Config
from exporter.ledger import WorkspaceLedger
from exporter.sources.probe import ProbeError
from exporter.sources.probe_assignments import ProbeAssignments
from exporter.sources.probe_factory import ProbeFactory

_MOST_OF_ONE = 3
"""Of how many projects a source is probed that is one for each: a wrong host or secret shows in the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceTrial:
    """What a probe of one source came to: the digest of its state, or why it has none; the projects share it."""

    name: str
    project_ids: tuple[str, ...]
    seconds: float
    digest: str | None = None
    failure: str = ""


async def try_sources(
    ledger: WorkspaceLedger,
    config: Config,
    clock: Clock,
    environ: Mapping[str, str],
    *,
    left_out: Collection[str] = (),
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[SourceTrial]:
    """One probe after the other, of the projects that the ledger knows; sources named in `left_out` are not queried.

    Nothing is recorded. A probe ends at its source's own deadline at the latest.
    """
    factory = ProbeFactory(ledger, clock, environ, transport)
    probed: dict[str, int] = {}
    for assignment in ProbeAssignments(config, ledger.name).of(ledger.projects()).values():
        name = assignment.source.name
        probed[name] = probed.get(name, 0) + 1
        if name in left_out or probed[name] > _MOST_OF_ONE:
            continue
        probe = factory.make(assignment.source, assignment.project_ids[0])
        began = clock.monotonic()
        digest, failure = None, ""
        try:
            digest = await probe.state()
        except ProbeError as error:
            failure = str(error)
        finally:
            await probe.aclose()
        yield SourceTrial(
            name=name,
            project_ids=assignment.project_ids,
            seconds=clock.monotonic() - began,
            digest=digest,
            failure=failure,
        )
