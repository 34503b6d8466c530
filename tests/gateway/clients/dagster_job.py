"""A job with dagster-hex's op: prints the id of the run that it was given, or fails."""

import json
import sys

from dagster import job
from dagster_hex.ops import hex_project_op
from dagster_hex.resources import hex_resource

ask = json.loads(sys.argv[1])
notebook = hex_project_op.configured(
    {
        "project_id": ask["project_id"],
        "inputs": ask.get("inputs"),
        "notifications": [],
        "poll_interval": 1.0,
        "poll_timeout": float(ask.get("timeout", 60)),
    },
    name="notebook",
)


@job(resource_defs={"hex": hex_resource.configured({"api_key": ask["token"], "base_url": ask["host"]})})
def load() -> None:
    """Only the notebook."""
    notebook()


done = load.execute_in_process()
print(json.dumps({"run_id": done.output_for_node("notebook").run_response["runId"]}))
