"""The readers of every `match`: patterns, teams by their names, and what is left out again."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from exporter.config.budget_readers import trigger_pattern
from exporter.config.budget_settings import BudgetMatch
from exporter.config.error_wording import guess, printable
from exporter.config.match import PATTERNS, TEAM_OR_PATTERNS, Match, TeamPattern, matches_glob
from exporter.config.problems import Problems, RejectedError, UnfitError
from exporter.config.readers import Items, Keys, Reader, Scalar, Spot
from exporter.config.scalars import text
from exporter.config.settings import Team
from exporter.errors import ConfigError

Teams = Sequence[Team]


def match(teams: Teams) -> Keys[Match]:
    """Reads the match of anything but a team or a budget."""
    return Keys(Match, _readers(teams))


def matches_without_except(teams: Teams) -> "LeftOut":
    """Reads one match, or a list of them, none of which leaves anything out again."""
    return LeftOut(Keys(Match, {**_patterns(), "team": _team_pattern(teams)}))


def budget_match(teams: Teams) -> Keys[BudgetMatch]:
    """Reads the match of a budget, which may also be about triggers."""
    return Keys(BudgetMatch, {**_readers(teams), "trigger": trigger_pattern()})


def team() -> Keys[Team]:
    """Reads a team, which other teams cannot define."""
    patterns = _patterns()
    left_out = LeftOut(Keys(Match, patterns), PATTERNS)
    return Keys(Team, {"name": text(), "match": Keys(Match, {**patterns, "except": left_out})})


def known_teams(whole: Spot) -> tuple[Team, ...]:
    """The teams of a file that can be used, whatever else is wrong in it: matches name them wherever they stand."""
    spot = whole.at("teams")
    if spot is whole:
        return ()
    # What is wrong with them is said when the whole file is read.
    with suppress(RejectedError, ConfigError):
        return Items(team())(Spot(spot.node, spot.name, Problems("")))
    return ()


def refuse_no_pattern(matches: Sequence[tuple[Spot, Match]], patterns: Sequence[str] = TEAM_OR_PATTERNS) -> None:
    """Without a pattern, of those that may be there, an entry is every project, which no one means here."""
    for spot, one in matches:
        if one == Match():
            spot.refuse(f"has no pattern; add one of {', '.join(patterns)}")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Reads one match, or a list of them, whose projects do not match after all."""

    entry: Keys[Match]
    patterns: Sequence[str] = TEAM_OR_PATTERNS

    @property
    def expected(self) -> str:
        """The phrase for messages."""
        return "a match or a list of matches, without `except`"

    def __call__(self, spot: Spot) -> tuple[Match, ...]:
        """The matches; raises RejectedError."""
        return Items(self.entry, check=lambda found: refuse_no_pattern(found, self.patterns), takes_one=True)(spot)

    def settings(self, name: str = "") -> Iterator[tuple[str, str]]:
        """Nothing: the keys are those of the match around it."""
        return iter(())


def _readers(teams: Teams) -> Mapping[str, Reader[object]]:
    patterns = {**_patterns(), "team": _team_pattern(teams)}
    return {**patterns, "except": LeftOut(Keys(Match, patterns))}


def _patterns() -> Mapping[str, Reader[object]]:
    return dict.fromkeys(PATTERNS, text())


def _team_pattern(teams: Teams) -> Scalar[TeamPattern]:
    any_text = text()
    names = list(dict.fromkeys(one.name for one in teams))

    def parse(written: str, tag: str) -> TeamPattern:
        pattern = any_text.parse(written, tag)
        if not any(matches_glob(pattern, name) for name in names):
            remedy = f"write one of {', '.join(map(printable, names))}" if names else "define it under teams"
            raise UnfitError(f'"{printable(pattern)}" is not a team; {remedy}{guess(pattern, names)}')
        return TeamPattern(pattern, tuple((one.name, one.match) for one in teams))

    return Scalar("the name of a team, or a pattern of names", parse)
