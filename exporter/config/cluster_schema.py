"""How the section on replicas is read."""

from pathlib import Path

from exporter.config.cluster_settings import Cluster
from exporter.config.readers import Keys, Spot
from exporter.config.scalars import authorities, path, variable
from exporter.config.settings import Config
from exporter.config.urls import advertised_address


def cluster(folder: Path) -> Keys[Cluster]:
    """The reader of the section; relative paths in it are taken from the folder."""
    return Keys(
        Cluster,
        {
            "advertise": advertised_address(),
            "advertise_env": variable(),
            "secret_file": path(folder),
            "ca_file": authorities(folder),
        },
    )


def check_cluster(spot: Spot, config: Config) -> None:
    """Replicas share a ledger that more than one process can write, and a secret where they pass requests on."""
    if config.cluster is None:
        return
    if config.storage.is_file:
        spot.refuse(
            "replicas share one ledger, and a SQLite ledger has one writer; set storage.url to a postgresql:// one, "
            "or remove cluster and run a single process"
        )
    elif config.gateway is not None and config.cluster.secret_file is None:
        spot.refuse("replicas pass requests to the gateway on to its owner; add secret_file, the same on all of them")
