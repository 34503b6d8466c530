"""A dashboard as the text of its file."""

import re

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

_CHOICES = ("team", "owner")
"""What the boards of projects let people choose, beside the workspace."""

_TIME = "&${__url_time_range}"


def encode(board: Dashboard) -> str:
    """Classic dashboard JSON, keys sorted, so that the same board is the same bytes.

    Links within panels keep the teams and owners that were chosen, where the board has such a choice.
    """
    text = JSONEncoder(sort_keys=True, indent=2, ensure_ascii=False).encode(board) + "\n"
    variables = () if board.templating is None else (one.name for one in board.templating.list_val or ())
    kept = "".join(f"&${{{name}:queryparam}}" for name in sorted(variables, reverse=True) if name in _CHOICES)
    return re.sub(rf"(?<!queryparam}}){re.escape(_TIME)}", lambda found: kept + found[0], text) if kept else text
