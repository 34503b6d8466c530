"""The bundle as files in a folder."""

from pathlib import Path

from exporter.bundle.addresses import Addresses, Cluster
from exporter.bundle.folder_bundle import folder_files
from exporter.bundle.kubernetes_bundle import kubernetes_files
from exporter.bundle.packaged_files import read_packaged_files
from exporter.bundle.week_zone import for_week
from exporter.errors import ConfigError, ConfigProblem


def write_bundle(folder: Path, addresses: Addresses, cluster: Cluster | None, *, is_forced: bool) -> int:
    """Write the files for Prometheus and Grafana, or for a cluster the manifests; returns how many.

    Raises ConfigError for a folder that is not empty, unless `is_forced`, and where a file cannot be written.
    """
    packaged = for_week(read_packaged_files(), addresses.week)
    if cluster is None:
        files = folder_files(packaged, addresses, folder)
    else:
        files = kubernetes_files(packaged, addresses, cluster)
    try:
        if not is_forced and folder.exists() and any(folder.iterdir()):
            problem = "is not empty; name an empty or a new folder, or write over what is in it with --force"
            raise ConfigError(ConfigProblem(str(folder), problem))
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        problem = f"cannot be written: {error.strerror}; name a folder that this user may write to"
        raise ConfigError(ConfigProblem(str(error.filename), problem)) from error
    return len(files)
