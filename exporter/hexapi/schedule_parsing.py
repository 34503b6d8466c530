"""A project's schedule entries as cron expressions."""

from datetime import UTC, datetime

from cronsim import CronSim, CronSimError

from exporter.facts import Schedule
from exporter.hexapi.field_readers import Json, enum, mapping, text

_WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
_CRON_LIMIT = 200
_ANY_TIME = datetime(2026, 1, 1, tzinfo=UTC)


def read_schedule(entry: Json) -> Schedule:
    """The schedule of one entry of `schedules[]`; its `cron` is None where the entry cannot be understood."""
    cadence = enum(entry.get("cadence")) or "unknown"
    detail = mapping(entry.get(cadence))
    return Schedule(
        cadence=cadence,
        enabled=entry.get("enabled") is True,
        cron=_checked(_cron(cadence, detail)),
        timezone=(text(detail.get("timezone")) or "").strip()[:64] or "UTC",
    )


def _cron(cadence: str, detail: Json) -> str | None:
    minute, hour = _field(detail, "minute"), _field(detail, "hour")
    match cadence:
        case "hourly":
            return f"{minute} * * * *"
        case "daily":
            return f"{minute} {hour} * * *"
        case "weekly":
            weekday = enum(detail.get("dayOfWeek"))
            return f"{minute} {hour} * * {_WEEKDAYS.index(weekday)}" if weekday in _WEEKDAYS else None
        case "monthly":
            return f"{minute} {hour} {_field(detail, 'day')} * *"
        case "custom":
            return text(detail.get("cron"))
        case _:
            return None


def _field(detail: Json, name: str) -> str:
    """The number as cron writes it; a question mark, which no cron field accepts, for anything else."""
    value = detail.get(name)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else "?"


def _checked(cron: str | None) -> str | None:
    """The expression in single spaces if it is one of five fields that has a meaning."""
    fields = (cron or "").split()
    if len(fields) != 5 or len(cron or "") > _CRON_LIMIT:
        return None
    expression = " ".join(fields)
    try:
        CronSim(expression, _ANY_TIME)
    except CronSimError:
        return None
    return expression
