"""A script with hex-toolkit: prints the id of the run that it was given, or fails."""

import json
import sys
import time

from hex_toolkit import HexClient

ask = json.loads(sys.argv[1])
with HexClient(api_key=ask["token"], base_url=ask["host"] + "/api") as client:
    run_id = client.projects.run(ask["project_id"], input_params=ask.get("inputs")).run_id
    give_up_at = time.monotonic() + ask.get("timeout", 60)
    while (status := client.runs.get_status(ask["project_id"], run_id).status) in ("PENDING", "RUNNING"):
        if time.monotonic() > give_up_at:
            client.runs.cancel(ask["project_id"], run_id)
            raise SystemExit("timed out")
        time.sleep(1)
    if status != "COMPLETED":
        raise SystemExit(str(status))
print(json.dumps({"run_id": str(run_id)}))
