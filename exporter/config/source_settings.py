"""Sources: what to probe to see whether the data behind a project changed. Secrets are named here, never held."""

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Literal

from msgspec import Struct, field, structs

from exporter.config.match import TEAM_OR_PATTERNS, Match
from exporter.config.route_settings import Route
from exporter.config.urls import PROJECT_PLACEHOLDER, is_plain_to_others, normal_source_url

SourceKind = Literal["sql", "http", "file"]

_PART = r'(?:[A-Za-z0-9_$]+(?:-[A-Za-z0-9_$]+)*|"[^"\x00-\x1f]+"|`[^`\x00-\x1f]+`)'
_TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
_KEY_DIGITS = 16
_NAME_DIGITS = 6


class SqlSource(Struct, frozen=True, kw_only=True):
    """A database, and what in it counts: the rows of a query, tables, or the tables of a data connection.

    The SQLAlchemy URL is in an environment variable or a file. `connection` is a glob on a data connection's name or
    id, and means the tables that Hex says a project queries through it: others for each project. Raises ValueError
    unless the URL has one place and exactly one of the three is given.
    """

    url_env: str | None = None
    url_file: str | None = None
    query: str | None = None
    tables: tuple[str, ...] = ()
    connection: str | None = None
    deadline_seconds: float = field(default=30.0, name="deadline")

    def __post_init__(self) -> None:
        if places := [key for key in ("url_env", "url_file") if getattr(self, key) is not None]:
            _only_one(places)
        else:
            raise ValueError("the database's URL is missing; add url_env or url_file")
        looks = ("query", "tables", "connection")
        if given := [key for key in looks if getattr(self, key)]:
            _only_one(given)
        else:
            raise ValueError("there is nothing to look at; add query, tables or connection")
        for number, table in enumerate(self.tables, 1):
            if not _TABLE.fullmatch(table):
                raise ValueError(f"entry {number} of tables is not a table; write NAME, SCHEMA.NAME or A.B.C")


class HttpSource(Route, frozen=True, kw_only=True):
    """An address whose validators or content show its state, and the way to it; with `{project_id}`, one a project.

    `authorization_env` and `authorization_file` name the place of the whole `Authorization` header. Raises ValueError
    for both of them, for a secret that would travel in the clear, and for an address that is none.
    """

    url: str
    authorization_env: str | None = None
    authorization_file: str | None = None
    body_limit_bytes: int = 64 * 1024 * 1024
    deadline_seconds: float = field(default=30.0, name="deadline")

    def __post_init__(self) -> None:
        super().__post_init__()
        normal_source_url(self.url)
        if places := [key for key in ("authorization_env", "authorization_file") if getattr(self, key) is not None]:
            _only_one(places)
            if is_plain_to_others(self.url):
                raise ValueError(f"{places[0]} is a secret and http:// is not encrypted; write https://")


class FileSource(Struct, frozen=True, kw_only=True):
    """Files of this machine: paths and globs, absolute when read from a configuration file; at least one."""

    paths: tuple[str, ...]

    def __post_init__(self) -> None:
        if not self.paths:
            raise ValueError("paths is empty; add at least one")


class Source(Struct, frozen=True, kw_only=True):
    """What shows whether the data behind the matching projects changed, and how often it is probed.

    `on_request_seconds`: how long a run request waits for a probe that begins after it, before an earlier run answers
    it; None: it does not wait. `name` is for labels and logs; where none
    is given it is the kind with a few digits that depend on what is probed,
    and not on the place in the list. Raises ValueError unless it is of one kind, and for a match without patterns.
    """

    match: Match
    name: str = ""
    sql: SqlSource | None = None
    http: HttpSource | None = None
    file: FileSource | None = None
    every_seconds: float = field(default=300.0, name="every")
    on_request_seconds: float | None = field(default=2.0, name="on_request")

    def __post_init__(self) -> None:
        if kinds := [key for key in ("sql", "http", "file") if getattr(self, key) is not None]:
            _only_one(kinds)
        else:
            raise ValueError("the kind of source is missing; add sql, http or file")
        if self.match == Match():
            raise ValueError(f"match has no pattern; add one of {', '.join(TEAM_OR_PATTERNS)}")
        if not self.name:
            structs.force_setattr(self, "name", f"{self.kind}:{_digest(self._probed())[:_NAME_DIGITS]}")

    @property
    def kind(self) -> SourceKind:
        """Which of the three it is."""
        return "sql" if self.sql is not None else "http" if self.http is not None else "file"

    @property
    def is_per_project(self) -> bool:
        """Whether each matching project has a state of its own."""
        if self.http is not None:
            return PROJECT_PLACEHOLDER in self.http.url
        return self.sql is not None and self.sql.connection is not None

    def key(self, project_id: str) -> str:
        """16 hex digits of what is probed for this project: the same wherever one answer holds, across restarts."""
        return _digest([*self._probed(), *([project_id] if self.is_per_project else [])])[:_KEY_DIGITS]

    def _probed(self) -> list[object]:
        """All that an answer depends on; how long or how often one asks is not part of it."""
        if self.sql is not None:
            sql = self.sql
            return ["sql", sql.url_env, sql.url_file, sql.query, sorted(sql.tables), sql.connection]
        if self.http is not None:
            return ["http", self.http.url, self.http.authorization_env, self.http.authorization_file]
        return ["file", sorted(self.file.paths) if self.file is not None else []]


def _only_one(given: Sequence[str]) -> None:
    if len(given) > 1:
        both = "both " if len(given) == 2 else ""
        raise ValueError(f"{both}{', '.join(given[:-1])} and {given[-1]} are given; keep one of them")


def _digest(parts: Sequence[object]) -> str:
    return sha256(json.dumps(parts).encode()).hexdigest()
