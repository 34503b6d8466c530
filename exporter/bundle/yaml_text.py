"""YAML as a person would write it: keys in their order, texts of several lines as blocks."""

from typing import Any

import yaml


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def yaml_text(*documents: Any, comment: str = "") -> str:
    """The documents one after the other, the comment above the first."""
    lines = "".join(f"# {line}\n" for line in comment.splitlines())
    return lines + "---\n".join(
        yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=110, allow_unicode=True) for document in documents
    )
