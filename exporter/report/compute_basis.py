"""What figures of run time and compute rest on: which profiles were read, configured or assumed, in words."""

from collections.abc import Iterable, Iterator, Mapping

from exporter.insight import APP_IDLE_MS, BASES, Basis, ProjectProfiles
from exporter.view import Snapshot, WeekAccount, run_time_by_basis, sessions_of_7d

LOWER_BOUND = "lower bound"
"""Of run time: notebook and app sessions are billed, and are no runs that Hex's API shows."""

ASSUMED_PROFILE = "assumed profile"
"""Of the compute of projects whose version was not read, and that no entry of `compute` matches."""

LOWER_BOUND_REMARK = (
    f"run time and its compute are a {LOWER_BOUND}: notebook and app sessions are no runs, and are billed too; "
    "notebook sessions have no bound from above: Hex's API shows neither their number nor their length"
)

_BY: Mapping[Basis, str] = {
    "exact": "priced by their own version",
    "configured": "by compute.profiles",
    "assumed": "at an assumed profile",
}


def component_basis(snapshot: Snapshot, account: WeekAccount) -> str:
    """What the cost of compute rests on, where it is not exact."""
    return _words(_is_assumed(snapshot, account))


def compute_remarks(snapshot: Snapshot, account: WeekAccount | None = None) -> Iterator[str]:
    """What the figures of run time and compute rest on, budgets in them included, a sentence each."""
    yield LOWER_BOUND_REMARK
    yield from _shares({} if account is None else run_time_by_basis(account.profiles))
    if snapshot.past(snapshot.listed_ms) is not None:  # views are those of the last listing
        yield from _app_sessions(snapshot)
    listed = (one.project for one in snapshot.stored.projects if one.gone_since_ms is None)
    published = [one for one in listed if one.state == "published"]
    yield from profile_remarks({one.project_id: snapshot.profiles_of(one) for one in published})


def _app_sessions(snapshot: Snapshot) -> Iterator[str]:
    sessions = sessions_of_7d(snapshot)
    if sessions is not None and sessions.views:
        amount = snapshot.config.currency().text(sessions.micro_usd)
        untimed = f"; {sessions.untimed} more have no run whose time is known" if sessions.untimed else ""
        yield (
            f"app sessions of the last 7 days cost at most about {amount}, an estimate that is in no bill: "
            f"{sessions.views:,} views of {sessions.apps} apps that rerun for each viewer, each as long as a usual run "
            f"and the idle timeout of {APP_IDLE_MS // 60_000} minutes, if no viewer works on for longer{untimed}"
        )


def profile_remarks(profiles: Mapping[str, ProjectProfiles]) -> Iterator[str]:
    """Which published projects, by their ids, have a profile that is only assumed."""
    assumed = [one for one in profiles.values() if one.current.basis == "assumed"]
    if assumed:
        names = sorted({one.current.name for one in assumed})
        of = f"{len(assumed)} of {len(profiles)} published projects"
        yield (
            f"{ASSUMED_PROFILE}: {of} are taken to run on {' or '.join(names)}, as no version that was "
            "read names their profile (collect.exports); compute.profiles can name it"
        )


def basis_by_project(snapshot: Snapshot, account: WeekAccount) -> dict[str, str]:
    """What the run time and the compute of each known project rest on in a period."""
    assumed = {project_id for project_id, profile in account.profiles if profile.basis == "assumed"}
    ran = {project_id for project_id, _ in account.profiles}
    projects = (one.project for one in snapshot.stored.projects)
    return {
        one.project_id: _words(
            one.project_id in assumed if one.project_id in ran else snapshot.profiles_of(one).current.basis == "assumed"
        )
        for one in projects
    }


def project_basis(profiles: ProjectProfiles) -> str:
    """What the run time and the compute of a project rest on at this moment."""
    return _words(profiles.current.basis == "assumed")


def _words(is_assumed: bool) -> str:
    return f"{LOWER_BOUND}, {ASSUMED_PROFILE}" if is_assumed else LOWER_BOUND


def _is_assumed(snapshot: Snapshot, account: WeekAccount) -> bool:
    if account.profiles:
        return any(profile.basis == "assumed" for _, profile in account.profiles)
    listed = (one.project for one in snapshot.stored.projects if one.gone_since_ms is None)
    return any(snapshot.profiles_of(one).current.basis == "assumed" for one in listed)


def _shares(run_ms: Mapping[Basis, int]) -> Iterable[str]:
    whole = sum(run_ms.values())
    if whole and run_ms.get("exact"):
        parts = ", ".join(f"{100 * run_ms[one] / whole:.0f} % {_BY[one]}" for one in BASES if run_ms.get(one))
        yield f"run minutes of this period: {parts}"
