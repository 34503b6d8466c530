"""From a file's bytes to YAML nodes, which know their lines. Nothing in the file is run or constructed."""

import yaml

from exporter.config.error_wording import tag
from exporter.config.problems import Problems


def read_document(text: str | bytes, problems: Problems) -> yaml.Node | None:
    """The top node of the one document in the text, None for one that says nothing.

    What cannot be read as UTF-8 or YAML is added to the problems, and None returned.
    """
    if isinstance(text, bytes):
        try:
            return read_document(text.decode("utf-8-sig"), problems)
        except UnicodeDecodeError as error:
            line = text.count(b"\n", 0, error.start) + 1
            problems.add(line, f"the byte 0x{text[error.start]:02x} is not UTF-8; save the file as UTF-8")
            return None

    try:
        loader = yaml.SafeLoader(text)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        problems.add(line, f"YAML does not allow the character U+{ord(text[error.position]):04X}; remove it")
        return None

    try:
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.add(mark.line + 1 if mark else loader.line + 1, f"not YAML: {_said(error)}")
    except RecursionError:
        problems.add(loader.line + 1, "lists or mappings are nested too deeply; write fewer levels")
    except (ValueError, OverflowError):
        # PyYAML lets these out for escapes beyond Unicode and for absurd version directives.
        problems.add(loader.line + 1, "not YAML: an escape or a directive has an impossible number; correct it")
    else:
        return None if node is None or tag(node) == "null" else node
    return None


_ADVICE = (
    ("'\\t'", "a tab stands where YAML wants spaces; indent with spaces"),
    ("undefined alias", "text that begins with * stands in quotes"),
    ("cannot start any token", "text that begins with *, &, @, %, ! or ` stands in quotes"),
    ("while scanning an alias", "text that begins with * stands in quotes"),
    ("while scanning an anchor", "text that begins with & stands in quotes"),
    ("while scanning a tag", "text that begins with ! stands in quotes"),
    (
        "mapping values are not allowed",
        "a colon within text; put the text in quotes, or correct the indentation",
    ),
    (
        "could not find expected ':'",
        "a line without `key: value`; add the colon, or correct the indentation",
    ),
    ("quoted scalar", "a quote is not closed; close it"),
    (
        "expected ',' or",
        "a [ or { is not closed; close it, and put text with a comma or colon in quotes",
    ),
    ("a flow node", "a [ or { is not closed; close it"),
    (
        "<block end>",
        "the line is indented unlike its neighbours, or text goes on after a quote or bracket; align or quote it",
    ),
    ("a single document", "a second document begins with ---; keep one document in a file"),
)
"""What to do, by words of PyYAML's own message; the first that is in it applies."""


def _said(error: yaml.MarkedYAMLError) -> str:
    said = ", ".join(part for part in (error.context, error.problem) if part)
    return next((advice for words, advice in _ADVICE if words in said), said)
