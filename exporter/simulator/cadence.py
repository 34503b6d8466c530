"""Schedules of the simulated projects: what Hex lists, and the instants they fall due."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

from cronsim import CronSim

from exporter.simulator.event_times import DAY_MS, HOUR_MS, WEEK_MS

DAYS = ("MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY")

_MINUTE_MS = 60_000
_FIRST_MONDAY_MS = 4 * DAY_MS


@dataclass(frozen=True, slots=True, kw_only=True)
class Cadence:
    """One schedule entry. `kind` is Hex's cadence (`HOURLY` ... `CUSTOM`); only the fields of that kind mean anything.

    `weekday` counts from Monday = 0; the zone is a fixed offset from UTC, which is how Hex lists it.
    """

    kind: str
    minute: int = 0
    hour: int = 0
    weekday: int = 0
    day: int = 1
    cron: str = ""
    offset_minutes: int = 0
    is_enabled: bool = True

    @property
    def designator(self) -> str:
        """The offset as Hex writes it, for example `+05:30`."""
        hours, minutes = divmod(abs(self.offset_minutes), 60)
        return f"{'-' if self.offset_minutes < 0 else '+'}{hours:02}:{minutes:02}"

    def entry(self) -> dict[str, object]:
        """The schedule as an entry of a project's `schedules`: five parts, one of them used."""
        used: dict[str, object] = {"timezone": self.designator}
        if self.kind == "CUSTOM":
            used = {"cron": self.cron, **used}
        else:
            used["minute"] = self.minute
        if self.kind in ("DAILY", "WEEKLY", "MONTHLY"):
            used["hour"] = self.hour
        if self.kind == "WEEKLY":
            used["dayOfWeek"] = DAYS[self.weekday]
        if self.kind == "MONTHLY":
            used["day"] = self.day
        parts = {kind: used if kind.upper() == self.kind else None for kind in _PARTS}
        return {"cadence": self.kind, "enabled": self.is_enabled, **parts}

    def due(self, start_ms: int, end_ms: int) -> Iterator[int]:
        """The instants in [start, end) at which it falls due, enabled or not, ascending."""
        if self.kind == "CUSTOM":
            return self._due_by_cron(start_ms, end_ms)
        phase_ms = self.minute * _MINUTE_MS - self.offset_minutes * _MINUTE_MS
        step_ms = HOUR_MS
        if self.kind != "HOURLY":
            phase_ms, step_ms = phase_ms + self.hour * HOUR_MS, DAY_MS
        if self.kind == "WEEKLY":
            phase_ms, step_ms = phase_ms + _FIRST_MONDAY_MS + self.weekday * DAY_MS, WEEK_MS
        instants = range(start_ms + (phase_ms - start_ms) % step_ms, end_ms, step_ms)
        if self.kind == "MONTHLY":
            return (at_ms for at_ms in instants if self._local(at_ms).day == self.day)
        return iter(instants)

    def _local(self, at_ms: int) -> datetime:
        return datetime.fromtimestamp(at_ms / 1000, UTC) + timedelta(minutes=self.offset_minutes)

    def _due_by_cron(self, start_ms: int, end_ms: int) -> Iterator[int]:
        # CronSim gives what comes strictly after its start.
        zone = timezone(timedelta(minutes=self.offset_minutes))
        for firing in CronSim(self.cron, datetime.fromtimestamp(start_ms / 1000 - 1, zone)):
            at_ms = int(firing.timestamp() * 1000)
            if at_ms >= end_ms:
                return
            if at_ms >= start_ms:
                yield at_ms


_PARTS = ("hourly", "daily", "weekly", "monthly", "custom")


def cadences(plan: str, dice_minute: int, dice_hour: int, offset_minutes: int) -> tuple[Cadence, ...]:
    """The schedules of a plan such as `daily`, `daily@06:00`, `cron:0 8-18 * * 1-5` or `daily,!weekly`.

    Several are separated by semicolons, `!` marks a disabled one; where the plan leaves the time open, the dice say.
    """
    found = []
    for number, text in enumerate(filter(None, plan.split(";"))):
        word = text.lstrip("!")
        kind, _, at = word.partition("@")
        hour, minute = (int(part) for part in at.split(":")) if at else (5 + (dice_hour + 6 * number) % 14, dice_minute)
        cron = word.removeprefix("cron:") if word.startswith("cron:") else ""
        found.append(
            Cadence(
                kind="CUSTOM" if cron else kind.upper(),
                minute=minute,
                hour=hour,
                weekday=dice_hour % 5,
                day=1 + dice_minute % 28,
                cron=cron,
                offset_minutes=offset_minutes,
                is_enabled=not text.startswith("!"),
            )
        )
    return tuple(found)
