"""A dashboard as the text of its file."""

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard


def encode(board: Dashboard) -> str:
    """Classic dashboard JSON, keys sorted, so that the same board is the same bytes."""
    return JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board) + "\n"
