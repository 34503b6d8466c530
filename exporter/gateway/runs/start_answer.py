"""The answer to a start that was lost in a crash, made of what Hex shows of the run."""

import msgspec

from exporter.hexapi import mapping, parse_json
from exporter.ledger import GatewayRun

_SAME = ("projectId", "runId", "runUrl", "traceId", "projectVersion", "notifications")
"""The fields that the answer to a start has in common with the state of a run."""


def start_answer(shown: bytes, base_url: str, run: GatewayRun) -> str | None:
    """The JSON text that Hex has answered to the start of the run, by the state that it shows; None if it shows none.

    `base_url` is where Hex's API begins: the state of a run has no link to itself.
    """
    try:
        fields = mapping(parse_json(shown))
    except ValueError:
        return None
    if not run.run_id or str(fields.get("runId", "")).lower() != run.run_id.lower():
        return None
    answer = {name: fields[name] for name in _SAME if name in fields}
    answer.setdefault("projectId", run.project_id)
    answer["runStatusUrl"] = f"{base_url}/projects/{run.project_id}/runs/{run.run_id}"
    return msgspec.json.encode(answer).decode()
