"""How far the runs of a workspace are known: in time backwards and forwards."""

from collections.abc import Collection, Iterable

from exporter.ledger import KnownProject, UnreadableRuns


def can_run(known: KnownProject) -> bool:
    """Whether Hex may start runs of the project: listed, published, neither archived nor trashed."""
    return known.gone_since_ms is None and known.project.state == "published"


def awaited(projects: Iterable[KnownProject]) -> list[KnownProject]:
    """The projects whose runs there is something to know about: they can run, and Hex shows their runs, or has."""
    return [known for known in projects if can_run(known) and not known.progress.was_never_readable]


def unreadable(projects: Iterable[KnownProject]) -> list[KnownProject]:
    """The projects that can run and whose runs Hex has never shown: no figure includes them."""
    return [known for known in projects if can_run(known) and known.progress.was_never_readable]


def lacking(
    projects: Iterable[KnownProject], unreadable_runs: Iterable[UnreadableRuns], since_ms: int
) -> list[KnownProject]:
    """Those that are unreadable, and those of which a run that may have started since then cannot be read."""
    projects = tuple(projects)
    ids = {one.project.project_id for one in unreadable(projects)}
    ids |= {one.project_id for one in unreadable_runs if one.until_ms >= since_ms}
    return [known for known in projects if known.project.project_id in ids]


def is_mostly_unreadable(projects: Collection[KnownProject], share: float) -> bool:
    """Whether sums over these projects would leave out too many of them: all, or this share of those that can run."""
    missing, waited_for = len(unreadable(projects)), len(awaited(projects))
    return missing > 0 and (waited_for == 0 or missing >= share * (missing + waited_for))


def complete_until_ms(projects: Iterable[KnownProject], first_contact_ms: int | None) -> int | None:
    """Every run of these projects that started before this time is known; None if nothing can be said yet.

    A project that was created after first contact and was not read yet is known up to its creation.
    """
    limits: list[int] = []
    for known in projects:
        limit = known.progress.known_until_ms
        if limit is None:
            limit = _born_ms(known, first_contact_ms)
        if limit is None:
            return None
        limits.append(limit)
    return min(limits, default=None)


def complete_since_ms(projects: Iterable[KnownProject], first_contact_ms: int | None) -> int | None:
    """The runs of every one of these projects are known back to this time, 0: all; None if nothing can be said.

    A project that was created after first contact and was not read yet has none from before.
    """
    since_ms = 0
    for known in projects:
        limit = known.progress.complete_from_ms
        if limit is None:
            if _born_ms(known, first_contact_ms) is None:
                return None
            continue
        since_ms = max(since_ms, limit)
    return since_ms


def is_complete_from(projects: Iterable[KnownProject], start_ms: int, first_contact_ms: int | None) -> bool:
    """Whether the runs of every one of these projects are known back to this time."""
    since_ms = complete_since_ms(projects, first_contact_ms)
    return since_ms is not None and since_ms <= start_ms


def _born_ms(known: KnownProject, first_contact_ms: int | None) -> int | None:
    """When the project was created, if that was after first contact."""
    created_ms = known.project.created_ms
    if created_ms is None or first_contact_ms is None or created_ms < first_contact_ms:
        return None
    return created_ms
