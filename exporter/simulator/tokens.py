"""Who asks: personal and workspace tokens and what they may do."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from exporter.simulator.refusals import RefusalError

PREFIXES = ("hxtp_", "hxtw_")


class Scope(StrEnum):
    """What a workspace token may be allowed to do."""

    READ_PROJECTS = "read_projects"
    RUN_PROJECTS = "run_projects"
    READ_QUERIED_TABLES = "read_queried_tables"
    READ_USERS = "read_users"
    READ_GROUPS = "read_groups"
    READ_COLLECTIONS = "read_collections"
    READ_CONNECTIONS = "read_connections"
    READ_CELLS = "read_cells"
    READ_THREADS = "read_threads"
    EXPORT_PROJECTS = "export_projects"


ALL_SCOPES = frozenset(Scope)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a token stands for; `user_id` None is the first admin of the workspace.

    Runs started with it take kernels of `account`, and requests count against it.
    """

    account: str
    is_workspace: bool
    scopes: frozenset[Scope] = ALL_SCOPES
    user_id: str | None = None
    expires_ms: int | None = None


class Tokens:
    """The tokens that are accepted: those given (text to token), or every well-formed one if none are.

    With `is_open` any text is a token, of a workspace unless it begins as a personal one.
    """

    def __init__(self, known: Mapping[str, Token] | None = None, *, is_open: bool = False) -> None:
        self._known = known
        self._is_open = is_open

    def identify(self, authorization: str | None, now_ms: int) -> Token:
        """The token of an Authorization header. A RefusalError with 401 if there is none, or none that is accepted."""
        if authorization is None:
            raise RefusalError(401, "Unauthorized", {"WWW-Authenticate": "Bearer"})
        scheme, _, text = authorization.partition(" ")
        token = self._find(text.strip()) if scheme.lower() == "bearer" else None
        if token is None or (token.expires_ms is not None and token.expires_ms <= now_ms):
            raise RefusalError(401, "Unauthorized", {"WWW-Authenticate": 'Bearer error="invalid_token"'})
        return token

    def _find(self, text: str) -> Token | None:
        if self._known is not None:
            return self._known.get(text)
        prefix, rest = text[: len(PREFIXES[0])], text[len(PREFIXES[0]) :]
        is_well_formed = prefix in PREFIXES and bool(rest)
        if not text or not (is_well_formed or self._is_open):
            return None
        return Token(account=text, is_workspace=prefix != "hxtp_")


def only(texts: Iterable[str]) -> Tokens:
    """Tokens of which these are accepted, each with every scope."""
    return Tokens({text: Token(account=text, is_workspace=text.startswith("hxtw_")) for text in texts})
