"""Projects as they were last listed: what they are called, whose they are, and what people did with them."""

from collections import Counter
from collections.abc import Callable, Iterator

from exporter.facts import Project, ProjectVersion
from exporter.metrics.catalogue import METRICS
from exporter.metrics.page import Family, Sample
from exporter.view import Snapshot, project_url

_STATES = ("published", "unpublished", "archived", "trashed")

_TIMES: tuple[tuple[str, Callable[[Project], int | None]], ...] = (
    ("hex_project_last_viewed_timestamp_seconds", lambda project: project.viewed_ms),
    ("hex_project_last_edited_timestamp_seconds", lambda project: project.edited_ms),
    ("hex_project_last_published_timestamp_seconds", lambda project: project.published_ms),
    ("hex_project_results_updated_timestamp_seconds", lambda project: project.results_updated_ms),
)

_MOST_PAIRS = 1000
"""Two or three for each of the projects that usually have series; more are on the boards of none."""

_VIEWS: tuple[tuple[str, Callable[[Project], int | None]], ...] = (
    ("7d", lambda project: project.views_7d),
    ("14d", lambda project: project.views_14d),
    ("30d", lambda project: project.views_30d),
)


def project_families(snapshot: Snapshot) -> Iterator[Family]:
    """What the listing shows of projects; details only of those with series of their own."""
    yield _info(snapshot)
    if not snapshot.is_fresh(snapshot.listed_ms):
        return

    states = Counter(dict.fromkeys(_STATES, 0))
    states.update(known.project.state for known in snapshot.listed)
    yield Family(METRICS["hex_projects"], [((snapshot.name, state), count) for state, count in states.items()])

    details = [known.project for known in snapshot.listed if known.has_series]
    for metric, time_of in _TIMES:
        yield Family(
            METRICS[metric],
            [
                ((snapshot.name, project.project_id), at_ms / 1000)
                for project in details
                if (at_ms := snapshot.past(time_of(project))) is not None
            ],
        )
    yield Family(
        METRICS["hex_project_app_views"],
        [
            ((snapshot.name, project.project_id, window), views)
            for project in details
            for window, views_of in _VIEWS
            if (views := views_of(project)) is not None
        ],
    )

    schedules = {
        (snapshot.name, project.project_id, one.cadence, one.cron or "", one.timezone): 1
        for project in details
        if project.state == "published"
        for one in project.schedules
        if one.enabled
    }
    yield Family(METRICS["hex_project_schedule_info"], list(schedules.items())[:_MOST_PAIRS])
    members = {project.project_id for project in details}
    pairs = sorted(
        {
            (snapshot.name, project_id, table.connection_id)
            for project_id, tables in snapshot.stored.tables.items()
            if project_id in members
            for table in tables
        }
    )
    yield Family(METRICS["hex_project_connection_info"], [(pair, 1) for pair in pairs[:_MOST_PAIRS]])
    settings = snapshot.stored.settings
    yield Family(
        METRICS["hex_project_compute_info"],
        [
            ((snapshot.name, one.project_id, profile.name, _image(settings.get(one.project_id)), profile.basis), 1)
            for one, profile in ((one, snapshot.profiles_of(one).current) for one in details)
        ],
    )
    yield Family(
        METRICS["hex_project_cache_info"],
        [
            ((snapshot.name, project.project_id, *_caches(settings[project.project_id])), 1)
            for project in details
            if project.project_id in settings
        ],
    )


def _image(version: ProjectVersion | None) -> str:
    return "" if version is None else version.image or ""


def _caches(version: ProjectVersion) -> tuple[str, ...]:
    switches = (version.cache_published_app, version.auto_rerun_app)
    words = ("" if value is None else str(value).lower() for value in switches)
    return (*words, version.logic_cache or "", version.published_cache or "")


def _info(snapshot: Snapshot) -> Family:
    samples: list[Sample] = []
    for known in snapshot.stored.projects:
        if known.has_series:
            project = known.project
            labels = (
                snapshot.name,
                project.project_id,
                project.title,
                snapshot.owner_label(project.owner),
                snapshot.config.team_of(snapshot.name, project),
                project.project_status or "",
                project_url(snapshot, project.project_id),
            )
            samples.append((labels, 1))
    return Family(METRICS["hex_project_info"], samples)
