"""ExportProject: one version of a project as the YAML that Hex writes: settings, compute profile and cells."""

import yaml

from exporter.simulator import hex_json
from exporter.simulator.hex_json import Json
from exporter.simulator.population import SimulatedProject
from exporter.simulator.project_settings import COMPONENT_SORT, Version, settings
from exporter.simulator.seeded_random import identifier
from exporter.simulator.simulation import Simulation

_EXPORTED_KINDS = {"CHART": "CHARTV2", "DISPLAY_TABLE": "TABLE_DISPLAY"}
"""Kinds of cells that have another name in the file than in ListCells."""

_SECTIONED, _GENERATIVE, _LOCAL = "weekly", "refresh", "office"
"""The sorts whose cells are nested, whose app is generated, and that query frames."""


def export(simulation: Simulation, project: SimulatedProject, version: Version) -> Json:
    """The answer of ExportProject: the name of a file, and its content."""
    seed = simulation.seed
    cells = [_cell(cell) for cell in hex_json.cells(seed, project)]
    if project.sort == _LOCAL:
        cells.append(_query_of_a_frame(identifier(seed, "frame", project.number)))
    if project.sort == COMPONENT_SORT:
        cells.append(_component(simulation, identifier(seed, "import", project.number)))
    if project.sort == _SECTIONED:
        block: Json = {"cellType": "BLOCK", "cellId": identifier(seed, "block", project.number)}
        inner = {**block, "config": {"cells": cells[1:]}}
        section: Json = {"cellType": "COLLAPSIBLE", "cellId": identifier(seed, "section", project.number)}
        cells = [cells[0], {**section, "config": {"cells": [inner]}}]
    document: dict[str, object] = {
        "schemaVersion": 3,
        "meta": {
            "sourceVersionId": identifier(seed, "version", project.number, version),
            "description": project.description or "",
            "projectId": project.project_id,
            "title": project.title,
            "timezone": None,
            "appTheme": "LIGHT",
            "codeLanguage": "PYTHON",
            "status": None if project.status_name is None else {"name": project.status_name},
            "categories": [{"name": name} for name, _ in project.categories],
            "castDecimalsDefault": True,
            "hexType": "COMPONENT" if project.is_component else "PROJECT",
            "allowExecutionReordering": True,
            **settings(seed, project, version),
        },
        "projectAssets": {"dataConnections": [], "envVars": [], "secrets": []},
        "sharedAssets": {"dataConnections": [{"dataConnectionId": project.connection.connection_id}]},
        "cells": cells,
    }
    if project.sort == _GENERATIVE:
        document["genAppFiles"] = [{"path": "App.js", "contents": "export default () => null"}]
        document["dataAppCellIds"] = [cell["cellId"] for cell in cells]
    name = project.title.lower().replace(" ", "-")
    return {"filename": f"{name}.hex.yaml", "content": _written(document)}


class _Dumper(yaml.CSafeDumper):
    """Writes what comes twice twice: Hex has no aliases."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _written(document: Json) -> str:
    written: str = yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)
    return written


def _cell(listed: Json) -> Json:
    """A cell of ListCells as the file has it."""
    config: dict[str, object] = {}
    kind = listed["cellType"]
    contents = listed["contents"]
    source = next((one["source"] for one in contents.values() if one), None) if isinstance(contents, dict) else None
    if kind == "SQL":
        config = {"source": source, "dataFrameCell": False, "dataConnectionId": listed["dataConnectionId"]}
        config |= {"resultVariableName": "frame", "useQueryMode": False}
    elif kind == "WRITEBACK":
        config = {"dataConnectionId": listed["dataConnectionId"], "overwrite": True, "tableName": "scores"}
        config |= {"runInLogicView": True, "runInApp": False, "runOnScheduledRun": listed["label"] == "On each run"}
    elif source is not None:
        config = {"source": source}
    exported = _EXPORTED_KINDS.get(str(kind), kind)
    return {"cellType": exported, "cellId": listed["staticId"], "cellLabel": listed["label"], "config": config}


def _query_of_a_frame(cell_id: str) -> Json:
    config = {"source": "select count(*) from frame", "dataFrameCell": True, "dataConnectionId": None}
    return {"cellType": "SQL", "cellId": cell_id, "cellLabel": None, "config": config}


def _component(simulation: Simulation, cell_id: str) -> Json:
    found = next((one.project_id for one in simulation.projects if one.is_component), identifier("component"))
    return {
        "cellType": "COMPONENT_IMPORT",
        "cellId": cell_id,
        "cellLabel": None,
        "config": {"component": {"id": found}},
    }
