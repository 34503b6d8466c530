"""The mistakes in one configuration: gathered while it is read, raised together."""

import sys

from exporter.errors import ConfigError, ConfigProblem
from exporter.redaction import mask_tokens

MOST_PROBLEMS = 100
"""After so many the reading stops: an alias can repeat one mistake without end."""


class RejectedError(Exception):
    """A value that cannot be used; its problem has been gathered already."""


class UnfitError(ValueError):
    """A value that cannot be used; the message says what is wrong with it, and after `; ` what to do."""


class Problems:
    """The mistakes found so far in one source, a file's name as a rule. A token in a message is masked."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: list[tuple[int, ConfigProblem]] = []

    def add(self, line: int, message: str) -> None:
        """Note a mistake in this line of the source; raises ConfigError when there are too many to go on."""
        self._add(line, f"{self._source}:{line}", message)
        if len(self._found) >= MOST_PROBLEMS:
            self._add(
                sys.maxsize, self._source, "too many mistakes; correct these first, the rest of the file was not read"
            )
            self.raise_any()

    def add_elsewhere(self, location: str, message: str) -> None:
        """Note a mistake outside the source, in an environment variable for example."""
        self._add(0, location, message)

    def raise_any(self) -> None:
        """Raise ConfigError with every mistake by line, each once, if there is any."""
        if self._found:
            ordered = sorted(self._found, key=lambda found: found[0])
            raise ConfigError(*dict.fromkeys(problem for _, problem in ordered))

    def _add(self, line: int, location: str, message: str) -> None:
        self._found.append((line, ConfigProblem(location, mask_tokens(message))))
