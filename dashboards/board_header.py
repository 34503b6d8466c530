"""The line at the top of each board: what is not shown and why, and how old its figures are."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    common,
)
from grafana_foundation_sdk.builders import stat as stats
from grafana_foundation_sdk.models import common as commons

from dashboards.panel_parts import BAD, GOOD, PLAIN, WARN, Query, about, dress, last_value, link
from dashboards.panels import figure
from dashboards.promql import WORKSPACE, age, all_on, not_on


def header(*features: str, needs: bool = True) -> tuple[int, list[tuple[int, Any]]]:
    """The first row of a board: which of the features that it needs are not on, and how old its data is.

    Without `needs` only their states, where more of the board has the rest.
    """
    named = "{{feature}}: {{state}}, needs {{needs}}" if needs else "{{feature}}: {{state}}"
    return 2, [(19, _missing(features, named)), (5, _data_age())]


def everywhere_header(*features: str) -> tuple[int, list[tuple[int, Any]]]:
    """The first row of the board of all workspaces, each of which has its own age."""
    return 3, [(24, _missing(features, "{{workspace}}, {{feature}}: {{state}}", "", "{{workspace}}: "))]


def _missing(features: Sequence[str], named: str, where: str = WORKSPACE, whose: str = "") -> Any:
    panel = (
        stats.Panel()
        .graph_mode(commons.BigValueGraphMode.NONE)
        .color_mode(commons.BigValueColorMode.VALUE)
        .justify_mode(commons.BigValueJustifyMode.AUTO)
        .text_mode(commons.BigValueTextMode.NAME)
        .text(common.VizTextDisplayOptions().title_size(13).value_size(13))
        .wide_layout(True)
        .reduce_options(last_value())
    )
    return dress(
        panel,
        201,
        "Not on",
        about(
            "What this board needs and does not have, with its state and the key, scope or time that it needs.",
            normal="nothing.",
            act="Set the key, or grant the token the scope: docs/configuration.md has both.",
        ),
        [
            Query(not_on(features, where), named),
            Query(all_on(features, where), f"{whose}Nothing: all that this board needs is on"),
        ],
        unit="none",
        empty="Not known: Prometheus has no series of an exporter",
        decimals=0,
        steps=((PLAIN, None),),
        now=True,
    )


def _data_age() -> Any:
    """How old the figures of the board are: the same on every board."""
    return figure(
        202,
        "Data age",
        about(
            "How long ago the exporter last read the whole project listing from Hex.",
            normal="below 15 minutes: the listing is read at least that often. From 30 minutes on HexDataStale fires.",
            act="Open **API and exporter**: it says which collector fails and whether Hex has rate-limited us.",
        ),
        [Query(age("hex_last_successful_poll_timestamp_seconds"))],
        unit="s",
        empty="Hex was never read",
        decimals=0,
        steps=((GOOD, None), (WARN, 900), (BAD, 1800)),
        links=[link("Can these numbers be trusted?", "hex-exporter")],
    )
