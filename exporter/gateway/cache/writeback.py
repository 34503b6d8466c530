"""Whether a run of a project does more than give a result: it may write to a database, which a hit would skip."""

from collections.abc import Mapping

from exporter.config import Config, Policy
from exporter.facts import Project
from exporter.ledger import KnownVersion, WorkspaceLedger


def side_effect(config: Config, ledger: WorkspaceLedger, project: Project, policy: Policy) -> str | None:
    """Why each request for the project has to run: its published version writes, or is not known not to.

    None where it writes nothing, where the policy lets a write be left out, and where versions are not read: then
    nothing is known.
    """
    state = ledger.collectors().get("export")
    are_versions_read = config.collect.exports and (state is None or state.success)
    if policy.writeback == "skip_ok" or not are_versions_read:
        return None
    writes = published_writes(project, ledger.versions.of(project.project_id))
    if writes is None:
        return "writeback: whether its published version writes to a database is not known"
    return "writeback: its published version writes to a database" if writes else None


def published_writes(project: Project, versions: Mapping[str, KnownVersion]) -> bool | None:
    """Whether what is published of the project writes when it runs; None if its cells are not known."""
    published = [known for known in versions.values() if known.published_ms == project.published_ms]
    if not published or project.published_ms is None:
        return None
    answers = {known.facts.writes_on_runs for known in published}
    return True if True in answers else None if None in answers else False
