"""What a cell computes, as a digest: two cells with the same one do the same."""

import hashlib

from exporter.hexapi.field_readers import Json, enum, mapping

_SHOWN_ONLY = frozenset(
    ("markdown", "text", "display_table", "vega_chart", "chart", "map", "metric", "pivot", "cell_group", "collapsible")
)
"""Kinds of cells that show what others have computed."""


def cell_source(item: Json) -> str | None:
    """The digest of its query or code, spaces apart; empty for one that only shows something.

    None for a query that is filled in from an input (Jinja), and for a cell whose contents Hex does not show: the
    values of inputs and filters are not in the API.
    """
    kind = enum(item.get("cellType")) or ""
    contents = mapping(item.get("contents"))
    for name in ("sqlCell", "codeCell"):
        source = mapping(contents.get(name)).get("source")
        if isinstance(source, str):
            return source_digest(name, source)
    return "" if kind in _SHOWN_ONLY else None


def source_digest(kind: str, source: str) -> str | None:
    """The digest of a query or of code, spaces apart; None where it is filled in from an input (Jinja)."""
    plain = " ".join(source.split())
    if "{{" in plain or "{%" in plain:
        return None
    return hashlib.sha256(f"{kind} {plain}".encode(errors="surrogatepass")).hexdigest()[:32]
