"""A flow with prefect-hex, its credentials as in docs/gateway.md: prints the id of the run that it got, or fails."""

import asyncio
import json
import sys

from prefect_hex import HexCredentials
from prefect_hex.project import trigger_project_run_and_wait_for_completion

ask = json.loads(sys.argv[1])


class GatewayCredentials(HexCredentials):
    """Calls the gateway in Hex's place."""

    def get_client(self):
        """The client, with the gateway's address and a time-out that is longer than its longest wait."""
        client = super().get_client()
        client.base_url = ask["host"] + "/api/v1"
        client.timeout = 60
        return client


done = asyncio.run(
    trigger_project_run_and_wait_for_completion(
        project_id=ask["project_id"],
        hex_credentials=GatewayCredentials(token=ask["token"]),
        input_params=ask.get("inputs"),
        max_wait_seconds=ask.get("timeout", 60),
        poll_frequency_seconds=1,
    )
)
print(json.dumps({"run_id": str(done.run_id)}))
