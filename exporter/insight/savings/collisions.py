"""Schedules that start more runs at once than a connection handles, or than Hex grants kernels to one person."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from exporter.facts import Project, Schedule
from exporter.insight.savings.audit_context import AuditContext, plain
from exporter.insight.savings.candidate import (
    TABLES_NEEDED,
    TABLES_UNKNOWN,
    Candidate,
    Found,
    not_judged,
    unread_tables,
    unready,
)
from exporter.insight.savings.finding import Fact, Finding, Move, Saving, SubjectType
from exporter.insight.savings.stagger import Slot, minute_of, stagger
from exporter.insight.schedule_firings import WEEK_MS

COLLIDING = "colliding_schedules"

OWNER_KERNELS = 25
"""How many kernels Hex grants one person at a time; a scheduled run takes one of its project's owner (Hex, kernels)."""


_HOUR_MS = 3_600_000


class _Group(NamedTuple):
    """Schedules that share a limit, and what that is."""

    subject: str
    subject_type: SubjectType
    name: str
    limit: int
    limited_by: str


class _Planned(NamedTuple):
    project: Project
    slot: Slot


def collisions(context: AuditContext) -> Found:
    """One finding for each connection, and each owner, whose schedules of the coming week meet beyond a limit."""
    if reason := unready(context, COLLIDING):
        yield reason
        return
    planned = {project.project_id: _planned(context, project) for project in context.scheduled_projects}
    limit = context.input.connection_runs
    if limit is None:
        why = "how many runs a connection handles at once is not configured; only kernels of each owner are compared"
        yield not_judged(context, COLLIDING, "limits", why, "limits.connection_runs", is_partial=True)
    elif context.input.tables is None:
        yield not_judged(context, COLLIDING, "queried_tables", TABLES_UNKNOWN, TABLES_NEEDED, is_partial=True)
    else:
        names = {one.connection_id: one.name for one in context.input.connections or ()}
        for connection_id, project_ids in context.projects_by_connection.items():
            of_connection = [one for project_id in project_ids for one in planned.get(project_id, ())]
            name = names.get(connection_id, connection_id)
            group = _Group(connection_id, "connection", name, limit, "runs at once, the connection's limit")
            yield from _colliding(context, group, of_connection)
        if reason := unread_tables(context, COLLIDING, context.scheduled_projects):
            yield reason

    by_owner: dict[str, list[_Planned]] = defaultdict(list)
    for project in context.scheduled_projects:
        if owner := plain(project.owner):
            by_owner[owner] += planned[project.project_id]
    for owner, of_owner in by_owner.items():
        group = _Group(owner, "owner", owner, OWNER_KERNELS, "kernels of one person, Hex's limit")
        yield from _colliding(context, group, of_owner)


def _colliding(context: AuditContext, group: _Group, planned: Sequence[_Planned]) -> Found:
    start_ms = context.week_start_ms
    end_ms = start_ms + WEEK_MS
    slots = [one.slot for one in planned]
    if len(slots) <= group.limit and all(_meets_no_other_of_its_own(slot) for slot in slots):
        return
    staggered = stagger(slots, group.limit, start_ms, end_ms)
    if staggered.before <= group.limit:
        return
    moves = tuple(
        _move(planned[number].project, planned[number].slot.schedule, to)
        for number, to in sorted(staggered.moved.items())
    )
    project_ids = dict.fromkeys(planned[number].project.project_id for number in staggered.meeting)
    claims = {one: context.scheduled_runs(one) for one in project_ids}
    yield Candidate(
        finding=Finding(
            kind=COLLIDING,
            subject=group.subject,
            subject_type=group.subject_type,
            subject_name=group.name,
            subjects=(group.subject, *project_ids),
            owner=group.subject if group.subject_type == "owner" else None,
            evidence=(
                Fact("limit", group.limit, group.limited_by),
                Fact("peak", staggered.before, "runs at once"),
                Fact("peak after the moves", staggered.after, "runs at once"),
                Fact("schedules that meet", len(staggered.meeting)),
            ),
            saving=Saving(),
            cost=context.pricing.months(claims),
            confidence="estimated",
            why="by the firings of the coming week and the usual run time; Hex may start each up to ten minutes late",
            action=_action(moves),
            where="Hex: each project, Schedule",
            moves=moves,
        )
    )


def _planned(context: AuditContext, project: Project) -> tuple[_Planned, ...]:
    """Its enabled schedules, each with the mean run time of the window."""
    runs, ms = context.scheduled(project.project_id)
    duration_ms = max(1, ms // runs) if runs else 1
    return tuple(_Planned(project, Slot(schedule, duration_ms)) for schedule in project.schedules if schedule.enabled)


def _meets_no_other_of_its_own(slot: Slot) -> bool:
    """Whether a run is over before the next of its schedule, which is an hour later at the soonest."""
    return minute_of(slot.schedule) is not None and slot.duration_ms <= _HOUR_MS


def _move(project: Project, schedule: Schedule, to: Schedule) -> Move:
    return Move(
        project_id=project.project_id,
        title=project.title,
        cron=schedule.cron or "",
        to_cron=to.cron or "",
        timezone=schedule.timezone,
    )


def _action(moves: tuple[Move, ...]) -> str:
    if not moves:
        return "spread the start hours: other minutes of the same hours do not lower the peak"
    shown = "; ".join(f"{move.title}: minute {move.cron.split()[0]} to {move.to_cron.split()[0]}" for move in moves[:5])
    more = len(moves) - 5
    return f"move start minutes ({shown}{f'; and {more} more' if more > 0 else ''})"
