"""The past as blocks of Prometheus: one text for each block, made into it by promtool, so that each is read once."""

import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from exporter.errors import ConfigError, ConfigProblem, HexExporterError

BLOCK_SECONDS = 162 * 3600
"""How long the blocks are that promtool makes for at most 240 hours: two hours, tripled four times.

promtool reads a text anew for each block, so a text for each saves most of its time, and all but a part of its memory.
"""

_MAKE_BLOCKS = ("tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=240h")


def find_promtool() -> str:
    """Where promtool is; raises ConfigError with what to do if it is not on the PATH."""
    found = shutil.which("promtool")
    if found is None:
        problem = "promtool is not on the PATH; install it (it comes with Prometheus), or write text with --output FILE"
        raise ConfigError(ConfigProblem("--blocks", problem))
    return found


def write_blocks(pieces: Iterable[str], folder: Path, promtool: str) -> Iterator[int]:
    """Make blocks of OpenMetrics text in the folder; yields after each of them how many are still to be made.

    The texts are in the folder meanwhile. Raises ConfigError for a folder that cannot be written to, and
    HexExporterError with promtool's words if it fails.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="hex-history-", dir=folder) as name:
            texts = _texts(pieces, Path(name))
            for done, text in enumerate(texts, start=1):
                _make(promtool, text, folder)
                text.unlink()
                yield len(texts) - done
    except OSError as error:
        problem = f"{folder} cannot be written to ({error.strerror}); name a folder that this user may write to"
        raise ConfigError(ConfigProblem("--blocks", problem)) from error


def _texts(pieces: Iterable[str], folder: Path) -> list[Path]:
    """The text of each block, in order of time."""
    headers: dict[int, str] = {}
    header, texts = "", dict[int, Path]()
    for piece in pieces:
        if piece.startswith("#"):
            header = piece
            continue
        lines: dict[int, list[str]] = defaultdict(list)
        for line in piece.splitlines(keepends=True):
            lines[int(line.rpartition(" ")[2]) // BLOCK_SECONDS].append(line)
        for number, mine in lines.items():
            path = texts.setdefault(number, folder / f"{number}.om")
            with path.open("a", encoding="utf-8") as file:
                if headers.get(number) != header:
                    file.write(header)
                    headers[number] = header
                file.writelines(mine)
    for path in texts.values():
        with path.open("a", encoding="utf-8") as file:
            file.write("# EOF\n")
    return [texts[number] for number in sorted(texts)]


def _make(promtool: str, text: Path, folder: Path) -> None:
    command = [promtool, *_MAKE_BLOCKS, str(text), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - found on the PATH
    if done.returncode:
        said = (done.stderr or done.stdout).strip() or f"status {done.returncode}"
        raise HexExporterError(f"promtool made no block in {folder}: {said}")
