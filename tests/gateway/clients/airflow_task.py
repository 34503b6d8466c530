"""A task of a DAG with airflow-provider-hex's operator: prints the id of the run that it was given, or fails."""

import json
import os
import sys

ask = json.loads(sys.argv[1])
os.environ["AIRFLOW_CONN_HEX_DEFAULT"] = json.dumps(
    {"conn_type": "hex", "host": ask["host"], "password": ask["token"]}
)  # what the connection form stores

from airflow_provider_hex.operators.hex import HexRunProjectOperator  # noqa: E402 - the connection comes first

task = HexRunProjectOperator(
    task_id="notebook",
    project_id=ask["project_id"],
    input_parameters=ask.get("inputs"),
    wait_seconds=1,
    timeout=ask.get("timeout", 60),
)
print(json.dumps({"run_id": task.execute({})["runId"]}))
