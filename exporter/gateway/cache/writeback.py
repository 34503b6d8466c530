"""Whether a run of a project does more than give a result: it may write to a database, which a hit would skip."""

from collections.abc import Mapping, Sequence

from exporter.config import Config, Policy
from exporter.facts import Project
from exporter.ledger import KnownVersion, WorkspaceLedger

_REFUSALS = (401, 402, 403, 404)
"""The statuses with which Hex says that exports are not for this token or plan."""


def side_effect(config: Config, ledger: WorkspaceLedger, project: Project, policy: Policy) -> str | None:
    """Why each request for the project has to run: its published version writes, or is not known not to.

    None where it writes nothing, where the policy lets a write be left out, and where nothing is known of it and
    nothing can be: versions are not read, or Hex refuses them.
    """
    if policy.writeback == "skip_ok":
        return None
    published = _published(project, ledger.versions.of(project.project_id))
    writes = _writes(published)
    if writes is None and any(_imports(known) for known in published):
        return "writeback: its published version imports a component, which may write to a database"
    if writes is None and (published or may_be_read(config, ledger)):
        return "writeback: whether its published version writes to a database is not known"
    return "writeback: its published version writes to a database" if writes else None


def may_be_read(config: Config, ledger: WorkspaceLedger) -> bool:
    """Whether versions are read, and Hex has not refused them: while it only fails, they may still come."""
    state = ledger.collectors().get("export")
    is_refused = state is not None and not state.success and state.last_status in _REFUSALS
    return config.collect.exports and not is_refused


def published_writes(project: Project, versions: Mapping[str, KnownVersion]) -> bool | None:
    """Whether what is published of the project writes when it runs; None if its cells are not known."""
    return _writes(_published(project, versions))


def _published(project: Project, versions: Mapping[str, KnownVersion]) -> list[KnownVersion]:
    if project.published_ms is None:
        return []
    return [known for known in versions.values() if known.published_ms == project.published_ms]


def _writes(published: Sequence[KnownVersion]) -> bool | None:
    answers = {known.facts.writes_on_runs for known in published}
    return True if True in answers else None if None in answers or not answers else False


def _imports(known: KnownVersion) -> bool:
    return any(cell.cell_type == "component_import" for cell in known.facts.cells or ())
