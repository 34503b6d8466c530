"""Query parameters, read as strictly as the reference describes them."""

from collections.abc import Collection

from starlette.datastructures import QueryParams

from exporter.simulator.refusals import RefusalError

_FLAGS = {"true": True, "false": False}


class Query:
    """The parameters of one request. What does not fit its description is refused with 400."""

    def __init__(self, given: QueryParams) -> None:
        self._given = given

    def text(self, name: str) -> str | None:
        """A parameter as it came; None if it is absent or empty."""
        return self._given.get(name) or None

    def needed(self, name: str) -> str:
        """A parameter that must be there."""
        found = self.text(name)
        if found is None:
            raise RefusalError(400, f"Missing query parameter {name}")
        return found

    def number(self, name: str, default: int, least: int, most: int | None = None) -> int:
        """A whole number within its bounds."""
        found = self.text(name)
        if found is None:
            return default
        wanted = f"at least {least}" if most is None else f"between {least} and {most}"
        # isdecimal by itself accepts the digits of every script.
        number = int(found) if found.isascii() and found.isdecimal() else least - 1
        if number < least or (most is not None and number > most):
            raise RefusalError(400, f"Invalid query parameter {name}: write a whole number {wanted}")
        return number

    def flag(self, name: str) -> bool:
        """`true` or `false`; false if absent."""
        found = self.text(name)
        if found is None:
            return False
        if found not in _FLAGS:
            raise RefusalError(400, f"Invalid query parameter {name}: write true or false")
        return _FLAGS[found]

    def choice(self, name: str, choices: Collection[str], default: str | None = None) -> str | None:
        """One of a few words; the default if absent."""
        found = self.text(name)
        if found is not None and found not in choices:
            raise RefusalError(400, f"Invalid query parameter {name}: write one of {', '.join(choices)}")
        return found or default

    def words(self, name: str) -> frozenset[str]:
        """Several words, joined by commas or given one by one, as both are seen; empty if absent."""
        return frozenset(filter(None, ",".join(self._given.getlist(name)).split(",")))
