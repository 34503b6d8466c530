"""A version of a project as Hex exports it: its settings and what its cells are, never what is written in them."""

import hashlib
from collections.abc import Iterator

from exporter.facts import CELL_KINDS, ExportedCell, ProjectVersion
from exporter.hexapi.bounded_yaml import BadYamlError, Tree, read_tree
from exporter.hexapi.field_readers import Json, enum, identifier, mapping, number, version

MOST_CELLS = 20_000
"""More cells than any notebook has; aliases can make a small file of millions."""

_MANUAL_WRITE = "runInLogicView"
"""The switch of a WRITEBACK cell that fires only while somebody works in the notebook."""

_HARMLESS = CELL_KINDS - {"writeback"}
"""Of an imported component the file has no cells: `ProjectVersion.writes_on_runs` makes it unknown."""

_DISABLED = "disabled"

_UNITS = {"minutes": "m", "hours": "h", "days": "d"}


def read_export(content: str, project_version: str | None = None, project_id: str | None = None) -> ProjectVersion:
    """The facts in the text of a `*.hex.yaml` file, of the version that was requested, if any.

    What the file does not say is None. Raises BadYamlError: not YAML, too large, too deep, no mapping, or of another
    project than the requested one. Not for an event loop.
    """
    tree = read_tree(content)
    meta = mapping(tree.get("meta"))
    named = identifier(meta.get("projectId"))
    if project_id is not None and named not in (None, project_id):
        raise BadYamlError("the file of another project")
    if named is None and project_id is None:
        raise BadYamlError("a file without meta.projectId")
    cells = _cells(tree.get("cells"))
    return ProjectVersion(
        project_id=project_id or named or "",
        version=project_version or identifier(meta.get("sourceVersionId")) or "",
        schema=version(tree.get("schemaVersion")),
        profile=enum(meta.get("kernelSize")),
        image=enum(meta.get("kernelImage")),
        logic_cache=_timeout(meta, "logicQueryCacheTimeout"),
        published_cache=_timeout(meta, "publishedQueryCacheTimeout"),
        is_generated=bool(tree.get("genAppFiles")) if "genAppFiles" in tree else None,
        cells=cells,
        digest=hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()[:32],
        prerun_app=_flag(meta.get("prerunApp")),
        auto_rerun_app=_flag(meta.get("autoRerunApp")),
        cache_published_app=_flag(meta.get("cachePublishedAppState")),
        refresh_stale_app=_flag(meta.get("refreshStalePublishedApp")),
    )


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _timeout(meta: Json, key: str) -> str | None:
    """A fixed time as `90m`, `24h` or `7d`, else the word in lower case; `disabled` where nothing is kept.

    Hex writes `{type: fixed, duration: 90, unit: minutes}`, `{type: lastScheduledRun}` or `{type: disabled}`; a bare
    word or number is read as well.
    """
    value = meta.get(key)
    if isinstance(value, dict):
        if enum(value.get("type")) != "fixed":
            return enum(value.get("type"))
        duration, unit = number(value.get("duration")), _UNITS.get(enum(value.get("unit")) or "")
        if duration is None or unit is None:
            return None
        return f"{duration:g}{unit}" if duration else _DISABLED
    if value is False or value == 0:
        return _DISABLED
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else enum(value)


def _cells(value: object) -> tuple[ExportedCell, ...] | None:
    """All cells, those within others included; None where the file does not show them as it should."""
    if not isinstance(value, list):
        return None
    return tuple(_cell(one) for one in _walk(value))


def _walk(cells: list[object]) -> Iterator[Tree]:
    """Each cell once, and None's kin as an empty mapping. Raises BadYamlError beyond MOST_CELLS."""
    waiting, count = list(reversed(cells)), 0
    while waiting:
        count += 1
        one = waiting.pop()
        if count > MOST_CELLS or len(waiting) > MOST_CELLS:
            raise BadYamlError(f"more than {MOST_CELLS} cells")
        cell = one if isinstance(one, dict) else {}
        yield cell
        for holder in (cell, mapping(cell.get("config"))):
            inner = holder.get("cells")
            if isinstance(inner, list):
                waiting.extend(reversed(inner))


def _cell(cell: Tree) -> ExportedCell:
    kind = enum(cell.get("cellType")) or "unknown"
    config = mapping(cell.get("config"))
    connection_id = identifier(config.get("dataConnectionId"))
    return ExportedCell(
        cell_id=identifier(cell.get("cellId")) or "",
        cell_type=kind,
        connection_id=connection_id,
        queries=_queries(kind, config, connection_id),
        component_id=identifier(mapping(config.get("component")).get("id")),
        source=identifier(config.get("source")) if kind == "sql" else None,
        writes=_writes(config) if kind == "writeback" else False if kind in _HARMLESS else None,
    )


def _queries(kind: str, config: Json, connection_id: str | None) -> bool | None:
    """Whether the cell queries a warehouse: SQL on a dataframe does not."""
    if kind != "sql":
        return False if kind in CELL_KINDS else None
    of_a_frame = _flag(config.get("dataFrameCell"))
    if of_a_frame is None:
        return True if connection_id is not None else None
    return not of_a_frame


def _writes(config: Json) -> bool:
    """Whether a run fires the write: unless each switch that is not about the notebook says that it does not."""
    switches = {key: value for key, value in config.items() if key.startswith("run") and key != _MANUAL_WRITE}
    return "runOnScheduledRun" not in switches or any(value is not False for value in switches.values())
