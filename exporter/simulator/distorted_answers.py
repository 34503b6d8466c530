"""Faults in what an answer says: pages without their pagination, items without their keys, items that are none."""

from exporter.simulator.hex_json import Json

_LISTS = ("values", "runs", "threads", "topics")

BAD_ITEMS: tuple[object, ...] = (None, 42, "item", [], {}, {"id": None, "runId": None, "title": 7})
"""What `bad_item` puts among the good ones, none of which it takes away."""


def distort(payload: Json, kinds: frozenset[str], kept: frozenset[str]) -> Json:
    """The payload as the faults have it; `kept` are the keys that items keep under `nulls`."""
    found = dict(payload)
    name = next((name for name in _LISTS if isinstance(found.get(name), list)), None)
    if "missing_pagination" in kinds:
        for key in ("pagination", "nextPage", "previousPage"):
            found.pop(key, None)
    if name is None:
        return _thinned(found, 0, kept) if "nulls" in kinds else found
    items = found[name]
    assert isinstance(items, list)
    if "nulls" in kinds:
        items = [_thinned(item, number, kept) for number, item in enumerate(items)]
    if "bad_item" in kinds:
        items = [*BAD_ITEMS, *items]
    return found | {name: items}


def _thinned(item: Json, number: int, kept: frozenset[str]) -> Json:
    """An item with every other key null in one item, and absent in the next."""
    if number % 2:
        return {key: value for key, value in item.items() if key in kept}
    return {key: value if key in kept else None for key, value in item.items()}
