"""Renews what docs/configuration.md takes from the code: `python -m exporter.config.docs docs/configuration.md`.

Defaults and meanings are written by hand; the type of each key and the messages of the example with mistakes are not.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path

from exporter.config.load import load_config
from exporter.config.schema import schema
from exporter.config.settings import Config, Storage, Workspace
from exporter.errors import ConfigError

_ROW = re.compile(r"^(\| `([A-Za-z0-9_.]+)` \| )(.+?)( \| .+? \| .+ \|)$", re.M)
_MISTAKES = re.compile(r"(^```yaml mistakes\n(.*?)^```$.*?^```text\n)(.*?)(^```$)", re.M | re.S)


def key_types() -> Mapping[str, str]:
    """What each key takes, by its dotted name, in the order of the schema."""
    default = Config(workspaces=(Workspace(),), storage=Storage(url=""))
    return dict(schema(Path(), default).settings())


def renewed_page(page: str) -> str:
    """The page with today's types and messages; rows of keys that do not exist stay as they are."""
    types = key_types()
    page = _ROW.sub(lambda row: f"{row[1]}{types.get(row[2], row[3])}{row[4]}", page)
    return _MISTAKES.sub(lambda block: f"{block[1]}{_messages(block[2])}\n{block[4]}", page)


def _messages(text: str) -> str:
    try:
        load_config(text, source="hex-exporter.yml", environ={}, state_dir=Path())
    except ConfigError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    file = Path(sys.argv[1])
    file.write_text(renewed_page(file.read_text("utf-8")), "utf-8")
