"""The section on replicas: what it holds, and the ledger that it needs."""

import pytest

from exporter.config.cluster_settings import Cluster
from exporter.config.problems import UnfitError
from exporter.config.urls import normal_advertised

CLUSTER = "cluster: {advertise: '10.0.0.7:9892', secret_file: /run/secrets/cluster}"


def test_a_sqlite_ledger_is_refused_with_what_to_do(mistakes):
    (mistake,) = mistakes(CLUSTER)

    assert "one writer" in mistake
    assert "postgresql://" in mistake


def test_an_address_is_in_the_file_or_in_the_environment():
    with pytest.raises(ValueError, match="remove one"):
        Cluster(advertise="a:1", advertise_env="A")


@pytest.mark.parametrize("address", ["10.0.0.7:9892", "replica-0.hex:9892", "[fd00::7]:9892"])
def test_what_other_machines_can_connect_to_is_an_address(address):
    assert normal_advertised(address) == address


@pytest.mark.parametrize("address", [":9892", "0.0.0.0:9892", "[::]:9892", "replica:0", "replica"])
def test_what_they_cannot_connect_to_is_none(address):
    with pytest.raises(UnfitError):
        normal_advertised(address)
