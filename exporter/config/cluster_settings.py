"""The settings of replicas that share one ledger."""

from msgspec import Struct


class Cluster(Struct, frozen=True, kw_only=True):
    """How other replicas reach this one's gateway, and how they know each other.

    `advertise` is `HOST:PORT`; `advertise_env` names the variable that has it, for replicas that share one file.
    `secret_file` holds what is known only to replicas. `ca_file` has authorities that vouch for the others' gateways.
    Raises ValueError for two addresses.
    """

    advertise: str | None = None
    advertise_env: str | None = None
    secret_file: str | None = None
    ca_file: str | None = None

    def __post_init__(self) -> None:
        if self.advertise is not None and self.advertise_env is not None:
            raise ValueError("both advertise and advertise_env are given; remove one of them")
