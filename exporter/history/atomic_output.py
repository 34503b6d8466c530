"""A file that appears once it is whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from exporter.errors import ConfigError, ConfigProblem


@contextmanager
def output_file(path: Path) -> Iterator[TextIO]:
    """A file to write to, in the place of `path` once the block has ended well. Raises ConfigError if it cannot be."""
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("w", encoding="utf-8") as file:
            yield file
        partial.replace(path)
    except OSError as error:
        problem = f"{path} cannot be written ({error.strerror}); name a file in a folder that this user may write to"
        raise ConfigError(ConfigProblem("--output", problem)) from error
    finally:
        partial.unlink(missing_ok=True)
