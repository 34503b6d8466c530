"""The page at `/`: whether it shows figures, and where its links to Grafana lead."""

from msgspec import Struct


class Overview(Struct, frozen=True, kw_only=True):
    """What the page at `/` shows. Not `enabled`: links and nothing else. `grafana_url` None: no links to boards."""

    enabled: bool = True
    grafana_url: str | None = None
