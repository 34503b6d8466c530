"""What `demo` prints when it has started: addresses to open, and lines that work as they are pasted."""

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

_NAME = "hex-exporter"


def banner(
    addresses: Sequence[tuple[str, str]],
    config_file: Path,
    invoice: tuple[Path, str],
    project_id: str | None,
    program: str,
    writing_id: str | None = None,
) -> str:
    """The text. `addresses` are what each is and where; `project_id` is one to run, None without a gateway.

    `writing_id` is one whose runs write to a database.
    """
    config, file = f"--config.file {shlex.quote(str(config_file))}", shlex.quote(str(invoice[0]))
    lines = [
        f"{program} report {config} --last 7d",
        f"{program} audit {config}",
        *([f"{program} run {config} {project_id} --wait"] if project_id is not None else []),
        f"{program} reconcile {config} {file} --month {invoice[1]}",
    ]
    again = "\nThe run is a miss: it starts. Paste it again when it has ended, and it is a hit: no second run.\n"
    if writing_id is not None:
        again += (
            "\nThis one writes to a database when it runs (a WRITEBACK cell): each request runs it, a bypass:"
            f"\n\n    {program} run {config} {writing_id}\n"
        )
    copy = f"Edit a copy of {config_file}, for instance a budget, and start with it: {program} demo --config.file COPY"
    return "\n".join(
        [
            *(f"  {name:<10} {where}" for name, where in addresses),
            "",
            "Open the overview. After two minutes, when all is read, paste into another terminal, in this folder:",
            "",
            *(f"  {line}" for line in lines),
            *([again] if project_id is not None else [""]),
            copy,
        ]
    )


def own_program(started_as: str | None = None, folder: Path | None = None) -> str:
    """How a shell in this folder calls the program that runs now: its name, if that finds it, else its path.

    By default that is this process, in the folder that it was started in.
    """
    started_as, folder = started_as or sys.argv[0], folder or Path.cwd()
    path = Path(started_as)
    if path.name != _NAME:  # `python -m exporter`
        return f"{shlex.quote(sys.executable)} -m exporter"
    found = shutil.which(_NAME)
    if found is not None and Path(found).samefile(path):
        return _NAME
    absolute = folder / path
    return shlex.quote(str(absolute.relative_to(folder) if absolute.is_relative_to(folder) else absolute))
