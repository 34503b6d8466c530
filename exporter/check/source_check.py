"""What `check` says of sources: secrets, drivers and files, what each answers now, and whom they are for."""

import glob
import os
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence

from exporter.check.workspace_findings import Findings
from exporter.clock import Clock
from exporter.config import Config, FileSource, HttpSource, Source, SqlSource
from exporter.facts import Project
from exporter.ledger import open_ledger
from exporter.sources import Address, Credential, ProbeError, missing_driver, try_sources


def source_faults(config: Config, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What keeps sources from being probed, each with the source's name: no secret, no driver, no file."""
    for source in config.sources:
        try:
            if source.sql is not None:
                _look_at_database(source.sql, environ)
            if source.http is not None:
                _look_at_secret(source.http, environ)
            if source.file is not None:
                _look_at_files(source.file)
        except ProbeError as error:
            yield source.name, f"source {source.name}: {error}"
        if source.sql is not None and source.sql.connection is not None and config.collect.queried_tables is False:
            needs = "needs collect.queried_tables, which is false: its tables come from there"
            yield source.name, f"source {source.name} {needs}"


async def source_answers(
    found: Findings, config: Config, clock: Clock, environ: Mapping[str, str], left_out: Collection[str]
) -> AsyncIterator[tuple[bool, str]]:
    """What each source answers to one probe: whether it is right, and a sentence; those in `left_out` are not queried.

    A source whose tables come from the ledger is not queried either: `serve` reads them from Hex first.
    """
    later = {source.name for source in config.sources if source.sql is not None and source.sql.connection is not None}
    if any(source.name in later for source in _served(found.projects, config, found.workspace)):
        yield True, f"{', '.join(sorted(later))} not queried: serve reads from Hex first which tables are queried"
    ledger = open_ledger("sqlite://", clock=clock)
    try:
        known = ledger.workspace(found.workspace)
        known.record_projects(found.projects, round(clock.now() * 1000))
        titles = {project.project_id: project.title for project in found.projects}
        trials = try_sources(known, config, clock, environ, left_out={*left_out, *later})
        async for one in trials:
            if one.digest is None:
                yield False, f"source {one.name} cannot be probed: {one.failure} (after {one.seconds:.2f} s)"
            else:
                count = len(one.project_ids)
                whose = f"{count} projects" if count > 1 else f"project {titles[one.project_ids[0]]!r}"
                yield True, f"source {one.name} of {whose}: state {one.digest} in {one.seconds:.2f} s"
    finally:
        ledger.close()


def _served(projects: Sequence[Project], config: Config, workspace_name: str) -> Iterator[Source]:
    """The sources that a project has."""
    served = {id(config.source_of(workspace_name, project)) for project in projects}
    return (source for source in config.sources if id(source) in served)


def source_notes(projects: Sequence[Project], config: Config, workspace_name: str) -> Iterator[str]:
    """Which sources no project of the workspace is left for."""
    if not projects:
        return
    served = {id(config.source_of(workspace_name, project)) for project in projects}
    for source in config.sources:
        if id(source) not in served and _is_for(source, workspace_name, config):
            yield f"source {source.name} applies to no project: none matches, or an earlier source has them all"


def source_figure(projects: Sequence[Project], config: Config, workspace_name: str) -> str | None:
    """How many projects have a source; None where no source is configured."""
    if not config.sources:
        return None
    count = sum(config.source_of(workspace_name, project) is not None for project in projects)
    return f"knows  the source of {count} of {len(projects)} projects"


def _look_at_database(sql: SqlSource, environ: Mapping[str, str]) -> None:
    address = Address(Credential(environ, env=sql.url_env, file=sql.url_file).read())
    try:
        address.url.get_dialect().import_dbapi()
    except Exception:
        # Dialects of third parties raise what they like where a part of them is missing.
        raise ProbeError(missing_driver(address.dialect)) from None


def _look_at_secret(http: HttpSource, environ: Mapping[str, str]) -> None:
    if http.authorization_env is not None or http.authorization_file is not None:
        Credential(environ, env=http.authorization_env, file=http.authorization_file).read()


def _look_at_files(files: FileSource) -> None:
    for pattern in files.paths:
        if not os.path.lexists(pattern) and next(glob.iglob(pattern, recursive=True), None) is None:
            raise ProbeError(f"no file matches {pattern}")


def _is_for(source: Source, workspace_name: str, config: Config) -> bool:
    """Whether it can be meant for this workspace: one that names another is no news here."""
    return len(config.workspaces) == 1 or source.match.workspace in (None, "*", workspace_name)
