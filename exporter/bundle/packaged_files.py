"""The files that came with the package: those of the repository's alerts/ and dashboards/."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedFiles:
    """Texts by file name, and the two configurations that they are used by."""

    rules: Mapping[str, str]
    templates: Mapping[str, str]
    dashboards: Mapping[str, str]
    prometheus: str
    alertmanager: str


def read_packaged_files() -> PackagedFiles:
    """The files of the wheel, or of the repository where the package is used from its sources."""
    packed = resources.files("exporter.bundle") / "files"
    root = packed if packed.is_dir() else Path(__file__).parents[2]
    alerts = root / "alerts"
    return PackagedFiles(
        rules=_texts(alerts / "rules", ".yml"),
        templates=_texts(alerts / "templates", ".tmpl"),
        dashboards=_texts(root / "dashboards", ".json"),
        prometheus=(alerts / "prometheus.yml").read_text("utf-8"),
        alertmanager=(alerts / "alertmanager.yml").read_text("utf-8"),
    )


def _texts(folder: Traversable, ending: str) -> Mapping[str, str]:
    if not folder.is_dir():
        return {}
    files = sorted((file for file in folder.iterdir() if file.name.endswith(ending)), key=lambda file: file.name)
    return {file.name: file.read_text("utf-8") for file in files}
