"""How the entries of `triggers` are read, and what of them contradicts the rest of the file."""

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from exporter.config.brake_schema import budget_brake
from exporter.config.error_wording import invalid, kind, printable, tag
from exporter.config.match import Match
from exporter.config.match_schema import match, refuse_no_pattern
from exporter.config.problems import RejectedError
from exporter.config.readers import Items, Keys, Scalar, Spot
from exporter.config.scalars import duration, duration_or_none, integer, path, truth, value, variable
from exporter.config.settings import Config, Team
from exporter.config.trigger_settings import DAY_MINUTES, InputValue, QuietTime, Trigger

_MOST_ATTEMPTS = 20  # with the back-off that is more than half a day of failures
_MOST_INPUTS = 100
_QUIET = re.compile(r"([0-9]{1,2}):([0-9]{2}) ?- ?([0-9]{1,2}):([0-9]{2})")


def triggers(folder: Path, teams: Sequence[Team]) -> Items[Trigger]:
    """Reads the list of triggers; relative paths are taken from the folder."""
    entry = Keys(
        Trigger,
        {
            "match": match(teams),
            "except": Items(match(teams), check=refuse_no_pattern, takes_one=True),
            "settle": duration_or_none(),
            "min_interval": duration_or_none(),
            "latest": duration(),
            "quiet": Items(quiet_time(), noun="time"),
            "inputs": Inputs(),
            "attempts": integer(1, _MOST_ATTEMPTS),
            "dry_run": truth(),
            "token_file": path(folder),
            "token_env": variable(),
            "when_budget_spent": budget_brake(teams),
        },
        check=lambda spot, one: refuse_no_pattern([(spot.at("match"), one.match)]),
    )
    return Items(entry)


def quiet_time() -> Scalar[QuietTime]:
    """A time of each day from one minute to another, over midnight if the end comes first."""

    def parse(written: str, tag: str) -> QuietTime:
        found = _QUIET.fullmatch(written)
        if tag != "str" or found is None:
            raise ValueError
        begins, ends = (60 * int(found[number]) + int(found[number + 1]) for number in (1, 3))
        are_minutes = int(found[2]) < 60 and int(found[4]) < 60
        if not are_minutes or begins >= DAY_MINUTES or ends > DAY_MINUTES or begins == ends:
            raise ValueError
        return QuietTime(begins, ends % DAY_MINUTES)

    return Scalar("a time of the day such as 22:00-05:00", parse)


@dataclass(frozen=True, slots=True)
class Inputs:
    """Reads a mapping of an input's name to its value, or to a list of values."""

    value: Scalar[InputValue] = field(default_factory=value)

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        return "a mapping of names to values"

    def __call__(self, spot: Spot) -> tuple[tuple[str, InputValue | tuple[InputValue, ...]], ...]:
        """The values by name, sorted; raises RejectedError."""
        node = spot.node
        if not isinstance(node, yaml.MappingNode) or tag(node) != "map":
            raise spot.refuse(invalid(kind(node), self.expected))
        if len(node.value) > _MOST_INPUTS:
            raise spot.refuse(f"{len(node.value)} inputs are more than a project has; write at most {_MOST_INPUTS}")
        found: dict[str, InputValue | tuple[InputValue, ...]] = {}
        is_whole = True
        for key, child in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else ""
            if not name.strip() or name in found:
                spot.refuse(f'"{printable(name)}" is there twice, or no name; write each input once, by its name', key)
                is_whole = False
                continue
            below = spot.under(name, child)
            with suppress(RejectedError):
                is_list = isinstance(child, yaml.SequenceNode)
                found[name] = Items(self.value, noun="value")(below) if is_list else self.value(below)
                continue
            is_whole = False
        if not is_whole:
            raise RejectedError
        return tuple(sorted(found.items()))

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """Nothing: the keys are those of the project."""
        return iter(())


def check_triggers(spot: Spot, config: Config) -> None:
    """Triggers have sources to go by, a gateway to run by, and contradict no policy."""
    if not config.triggers:
        return
    if not config.sources:
        spot.refuse("no project has a source whose change could start a run; add sources")
    if config.gateway is None and not all(one.dry_run for one in config.triggers):
        spot.refuse("runs go through the gateway's queue; add gateway, or write dry_run: true")
    for number, trigger in enumerate(config.triggers):
        for policy in () if config.gateway is None else config.gateway.policies:
            brake = policy.when_budget_spent
            stale = None if brake is None else brake.max_stale_seconds
            if stale is not None and stale < trigger.settle_seconds and _may_share(policy.match, trigger.match):
                spot.refuse(
                    f"entry {number + 1}: settle is {trigger.settle_seconds:g}s, but a policy of the same projects has "
                    f"when_budget_spent.max_stale of {stale:g}s, so that no result would ever be fresh enough; write "
                    f"max_stale of at least {trigger.settle_seconds:g}s"
                )


def _may_share(one: Match, other: Match) -> bool:
    """Whether it is certain, without knowing the projects, that both match some."""
    return one == other or one.is_of_workspaces or other.is_of_workspaces
