"""Patterns of workspaces anywhere in the file: one that matches no workspace would silently apply to nothing."""

from collections.abc import Collection, Iterator

import yaml

from exporter.config.error_wording import guess, printable
from exporter.config.match import matches_glob
from exporter.config.readers import Spot

_NAMES_ITSELF = "gateway"
"""Its `workspace` is a name and no pattern, and is checked with it."""


def refuse_unmatched_workspaces(whole: Spot, names: Collection[str]) -> None:
    """Add a problem for each `workspace` below the top that is a pattern and matches none of these names."""
    for spot in _patterns(whole, set()):
        pattern = spot.node.value
        if not any(matches_glob(pattern, name) for name in names):
            known = ", ".join(sorted(names))
            spot.refuse(f'"{printable(pattern)}" matches no workspace; write one of {known}{guess(pattern, names)}')


def _patterns(spot: Spot, seen: set[int]) -> Iterator[Spot]:
    """The patterns below; `seen` has the nodes that were visited, since an alias may stand for one many times."""
    if id(spot.node) in seen:
        return
    seen.add(id(spot.node))
    if isinstance(spot.node, yaml.MappingNode):
        for key, node in spot.node.value:
            below = spot.under(str(key.value), node)
            if below.name == _NAMES_ITSELF + ".workspace":
                continue
            if key.value == "workspace" and isinstance(node, yaml.ScalarNode) and node.value:
                yield below
            else:
                yield from _patterns(below, seen)
    elif isinstance(spot.node, yaml.SequenceNode):
        for index, node in enumerate(spot.node.value):
            yield from _patterns(Spot(node, f"{spot.name}[{index}]", spot.problems), seen)
