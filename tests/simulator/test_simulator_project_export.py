"""ExportProject: the file that Hex writes of one version of a project."""

import pytest
import yaml

from exporter.simulator.project_settings import profile_at, writes_on_runs
from exporter.simulator.timeline import version_at
from exporter.simulator.tokens import Scope, Token, Tokens


def exported(api, project, version="latest"):
    answer = api.post("/v1/projects/export", {"projectId": project.project_id, "version": version})
    assert answer.status_code == 200, answer.text
    return yaml.load(answer.json()["content"], yaml.CSafeLoader)


def cells_of(document):
    """Every cell, those within others included."""
    found, waiting = [], list(document["cells"])
    while waiting:
        cell = waiting.pop(0)
        found.append(cell)
        waiting += cell["config"].get("cells", [])
    return found


def test_the_answer_has_the_name_of_a_file_and_its_yaml(make_api):
    api = make_api()
    project = api.of_sort("daily")

    answer = api.post("/v1/projects/export", {"projectId": project.project_id, "version": "draft"}).json()

    assert set(answer) == {"filename", "content"}
    assert answer["filename"].endswith(".hex.yaml")
    document = yaml.safe_load(answer["content"])
    assert document["schemaVersion"] == 3
    assert document["meta"]["projectId"] == project.project_id
    assert {"kernelSize", "kernelImage", "autoRerunApp", "cachePublishedAppState"} <= set(document["meta"])


def test_every_published_version_is_there_and_the_latest_is_the_last(make_api):
    api = make_api()
    published = [one for one in api.simulation.projects if one.is_runnable]
    project = max(published, key=lambda one: version_at(one, api.simulation.now_ms))
    latest = version_at(project, api.simulation.now_ms)

    assert latest > 1
    versions = {exported(api, project, one)["meta"]["sourceVersionId"] for one in range(1, latest + 1)}
    assert len(versions) == latest
    assert exported(api, project) == exported(api, project, latest)
    for missing in (0, latest + 1, "v1"):
        body = {"projectId": project.project_id, "version": missing}
        assert api.post("/v1/projects/export", body).status_code == 404


def test_an_unpublished_project_has_only_its_draft(make_api):
    api = make_api()
    draft = api.of_sort("draft")

    assert exported(api, draft, "draft")["meta"]["projectId"] == draft.project_id
    assert api.post("/v1/projects/export", {"projectId": draft.project_id, "version": "latest"}).status_code == 404


@pytest.mark.slow
def test_the_profile_changes_between_versions_and_is_that_of_the_truth(make_api):
    api = make_api()
    seen = set()
    for project in api.simulation.projects[::3]:
        if project.published_ms is None:
            continue
        profiles = []
        for version in range(1, version_at(project, api.simulation.now_ms) + 1):
            profiles.append(exported(api, project, version)["meta"]["kernelSize"])
            assert profiles[-1] == profile_at(api.simulation.seed, project, version)
        seen.add(len(set(profiles)))
    assert max(seen) > 1


def test_only_some_projects_write_when_they_run(make_api):
    api = make_api()
    by_fires = {True: set(), False: set()}
    for project in api.simulation.projects:
        if project.published_ms is None:
            continue
        for cell in cells_of(exported(api, project)):
            if cell["cellType"] == "WRITEBACK":
                by_fires[cell["config"]["runOnScheduledRun"]].add(project.project_id)
    truth = {one.project_id for one in api.simulation.projects if writes_on_runs(one)}
    assert by_fires[True] == truth
    assert by_fires[False]


def test_cells_lie_within_others_and_components_are_named(make_api):
    api = make_api()
    nested = exported(api, api.of_sort("weekly"))
    importing = exported(api, api.of_sort("twice"))

    assert len(cells_of(nested)) > len(nested["cells"])
    (component,) = [cell for cell in importing["cells"] if cell["cellType"] == "COMPONENT_IMPORT"]
    assert api.simulation.by_id[component["config"]["component"]["id"]].is_component


def test_a_generated_app_has_its_files(make_api):
    api = make_api()

    assert exported(api, api.of_sort("refresh"))["genAppFiles"]


def test_a_workspace_token_needs_the_scope(make_api):
    def status(*scopes):
        tokens = Tokens({"hxtw_some": Token(account="a", is_workspace=True, scopes=frozenset(scopes))})
        api = make_api(tokens=tokens, token="hxtw_some")
        body = {"projectId": api.of_sort("daily").project_id, "version": "latest"}
        return api.post("/v1/projects/export", body).status_code

    assert status(Scope.EXPORT_PROJECTS) == 200
    assert status(Scope.READ_PROJECTS) == 403


@pytest.mark.parametrize("body", [None, {}, {"projectId": 7, "version": "draft"}, {"projectId": "p"}])
def test_a_malformed_body_is_refused(make_api, body):
    assert make_api().post("/v1/projects/export", body).status_code == 400


def test_a_fault_of_one_project_meets_only_its_export(make_api):
    api = make_api()
    faulty, other = api.of_sort("daily"), api.of_sort("weekly")
    api.fault("500", endpoint="export", project_id=faulty.project_id)

    body = {"projectId": faulty.project_id, "version": "latest"}
    assert api.post("/v1/projects/export", body).status_code == 500
    assert exported(api, other)
