"""A job with the resource of integrations/: prints what its op was given when the run ended, or fails."""

import json
import sys

ask = json.loads(sys.argv[1])
sys.path.insert(0, ask["folder"])

from dagster import job, op  # noqa: E402 - the folder comes first
from dagster_hex_run import HexResource  # noqa: E402


@op
def notebook(runner: HexResource) -> dict:
    """The run of one project."""
    return runner.run_project(
        ask["project_id"],
        ask.get("inputs"),
        timeout_seconds=ask.get("timeout", 60),
        queue_timeout_seconds=5,
    )


@job
def load() -> None:
    """Only the notebook."""
    notebook()


resources = {"runner": HexResource(token=ask["token"], base_url=ask["host"])}
print(json.dumps(load.execute_in_process(resources=resources).output_for_node("notebook")))
