"""`bundle`: everything that goes with the exporter, written to a folder."""

from pathlib import Path

import click

from exporter.bundle import Place, kubernetes_files, plain_files, read_material
from exporter.errors import ConfigError, ConfigProblem


def run_bundle(folder: Path, place: Place, *, is_kubernetes: bool, is_forced: bool) -> None:
    """Write the bundle. Raises ConfigError where something is in the way."""
    folder = folder.absolute()
    material = read_material()
    files = kubernetes_files(material, place) if is_kubernetes else plain_files(material, place, folder)
    try:
        if not is_forced and folder.exists() and any(folder.iterdir()):
            raise ConfigError(ConfigProblem(str(folder), "is not empty, expected an empty folder or none (or --force)"))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(ConfigProblem(str(error.filename), f"cannot be written: {error.strerror}")) from error
    click.echo(
        f"{len(files)} files in {folder}; next: {'kubectl apply -k ' if is_kubernetes else 'see '}{folder}", nl=False
    )
    click.echo("" if is_kubernetes else "/README.md")
