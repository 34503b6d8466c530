"""Whether a run of a project does more than give a result: it may write to a database, which a hit would skip."""

from collections.abc import Mapping, Sequence

from exporter.config import Config, Policy
from exporter.facts import Project
from exporter.ledger import KnownVersion, WorkspaceLedger, newest_version

_REFUSALS = (402, 403, 404)
"""The statuses with which Hex says that exports are not for this token or plan. A token that has ended (401) says no
more than a failure: its successor may export."""


def side_effect(config: Config, ledger: WorkspaceLedger, project: Project, policy: Policy) -> str | None:
    """Why each request for the project has to run: its published version writes, or is not known not to.

    None where it writes nothing, where the policy lets a write be left out, and where nothing is known of it and
    nothing can be: versions are not read, or Hex refuses them.
    """
    if policy.writeback == "skip_ok":
        return None
    versions = ledger.versions.of(project.project_id)
    published = _published(project, versions)
    by_hex = _may_be_exported(config, ledger)
    writes = _writes(published, needs_hex=by_hex)
    if writes is not None:
        return "writeback: its published version writes to a database" if writes else None
    if any(_imports(known) for known in published):
        return "writeback: its published version imports a component, which may write to a database"
    if published or by_hex or config.exports.paths:
        return "writeback: whether its published version writes to a database is not known"
    last = newest_version(project, versions)
    if last is not None and last.writes_on_runs is not False:
        return "writeback: its published version cannot be read, and the last one that was may write to a database"
    return None


def _may_be_exported(config: Config, ledger: WorkspaceLedger) -> bool:
    """Whether versions are requested, and Hex has not refused them: while it only fails, they may still come."""
    state = ledger.collectors().get("export")
    is_refused = state is not None and not state.success and state.last_status in _REFUSALS
    return config.collect.exports and not is_refused


def _published(project: Project, versions: Mapping[str, KnownVersion]) -> list[KnownVersion]:
    if project.published_ms is None:
        return []
    return [known for known in versions.values() if known.published_ms == project.published_ms]


def _writes(published: Sequence[KnownVersion], *, needs_hex: bool) -> bool | None:
    """Whether what is published writes when it runs, None if that is not known.

    A file says so only where Hex does not: it may be older than the checkout that gave it its time.
    """
    by_hex = [known for known in published if not known.facts.is_from_file]
    answers = {known.facts.writes_on_runs for known in by_hex or published}
    if needs_hex and not by_hex:
        answers.discard(False)
    return True if True in answers else None if None in answers or not answers else False


def _imports(known: KnownVersion) -> bool:
    return any(cell.cell_type == "component_import" for cell in known.facts.cells or ())
