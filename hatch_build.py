"""The README as a package index shows it: pictures and links point to the repository, at the tag of the version."""

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"(!\[[^\]]*\]\(|(?:src|srcset)=\")(?!https?:|#)([^)\"\s]+)")
_LINK = re.compile(r"((?<!!)\]\(|href=\")(?!https?:|#|mailto:)([^)\"\s]+)")


class CustomMetadataHook(MetadataHookInterface):
    """Fills in `readme`."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Set the text; the version is that of the package."""
        source = metadata["urls"]["Source"]
        code = Path(self.root, "exporter", "__init__.py").read_text("utf-8")
        version = code.partition('__version__ = "')[2].partition('"')[0]
        text = Path(self.root, "README.md").read_text("utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, source, f"v{version}")}


def absolute(text: str, source: str, tag: str) -> str:
    """The Markdown with relative pictures and links made absolute."""
    text = _PICTURE.sub(rf"\g<1>{source}/raw/{tag}/\g<2>", text)
    return _LINK.sub(rf"\g<1>{source}/blob/{tag}/\g<2>", text)
