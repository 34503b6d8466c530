"""What does not work right now, in sentences for people: one for each condition, and one for all refused projects."""

from collections.abc import Mapping
from typing import Any

_MOST_NAMES = 10  # a page for people; the log has every one


def problems_of(conditions: Mapping[str, Mapping[str, Any]]) -> tuple[str, ...]:
    """The sentences for the conditions that hold, by key; those of a project have its id among their fields."""
    refused = [fields for fields in conditions.values() if "project_id" in fields]
    sentences = [str(fields["reason"]) for fields in conditions.values() if "project_id" not in fields]
    if refused:
        names = sorted({str(fields["project_id"]) for fields in refused})
        more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        shown = ", ".join(names[:_MOST_NAMES])
        sentences.append(f"runs that Hex does not show, of {shown}{more}: {refused[-1]['reason']}")
    return tuple(sentences)
