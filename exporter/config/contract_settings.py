"""What was bought ahead, how shared costs are split, and the currency that people read money in."""

from collections.abc import Mapping
from datetime import date
from typing import Literal

from msgspec import Struct, field

Billing = Literal["annual", "monthly"]

SharedBy = Literal["runs", "minutes", "seats"]


class Contract(Struct, frozen=True, kw_only=True):
    """What a contract with Hex pays for until it is renewed, in the workspaces that match the glob `workspace`.

    `seats` is by kind of seat as the price book has them, `credits_month` AI credits a month, `commit_year_micro_usd`
    what is spent at least in the year before `renews_on`. With `billing` annual a seat is paid until then. Raises
    ValueError when nothing was bought.
    """

    seats: Mapping[str, int] = field(default_factory=dict)
    credits_month: float | None = None
    commit_year_micro_usd: int | None = field(default=None, name="commit_usd_year")
    renews_on: date | None = None
    billing: Billing = "annual"
    workspace: str = "*"

    def __post_init__(self) -> None:
        if not self.seats and self.credits_month is None and self.commit_year_micro_usd is None:
            raise ValueError("nothing is bought; add seats, credits_month or commit_usd_year")


class Chargeback(Struct, frozen=True, kw_only=True):
    """By what the costs that belong to no team are split among the teams."""

    shared_by: SharedBy


class Currency(Struct, frozen=True, kw_only=True):
    """The currency that people are shown, and how many millionths of it a dollar is worth from `valid_from` on.

    `valid_from` None: since ever. The ledger and the metrics stay in dollars.
    """

    code: str
    per_usd_micro: int = field(name="per_usd")
    valid_from: date | None = None

    def amount(self, micro_usd: int) -> float:
        """So many millionths of a dollar in it."""
        return micro_usd * self.per_usd_micro / 1e12

    def text(self, micro_usd: int, sign: str = "") -> str:
        """The same as people read it, such as `1,234.50 EUR`; with the sign `+` never without one."""
        return f"{self.amount(micro_usd):{sign},.2f} {self.code}"


DOLLARS = Currency(code="USD", per_usd_micro=1_000_000)
"""What is shown where no currency is configured."""
