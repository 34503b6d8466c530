"""A week's bill as CSV in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

Beside the columns that it demands are those that show who caused which part. List prices are the price book's,
contracted ones those of the configuration; units are those of the list. Queries in warehouses are charges of their
provider, at the mean price of one. The owners' own estimate was never billed and costs nothing: it is in x_OwnEstimate
only, so that no sum of a column of FOCUS has it. What was found to differ from a closed period stands beside it as a
Correction with its date.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal

from exporter.config import DOLLARS, Currency
from exporter.insight import MICRO, UNHELD
from exporter.report.charges import Charge
from exporter.report.escaping import for_spreadsheet

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountQuantity",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "CommitmentDiscountUnit",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceId",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_AdjustedAt",
    "x_ComputeBasis",
    "x_OwnEstimate",
    "x_Runs",
    "x_Team",
)
"""Those of FOCUS in its own order, then ours."""

_SERVICES = {
    "seats": ("Hex seats", "Analytics", "Business Intelligence", "User", "Seats"),
    "compute": ("Hex compute", "Analytics", "Business Intelligence", "Project", "Kernel run time"),
    "ai_credits": ("Hex AI credits", "AI and Machine Learning", "Generative AI", "", "AI credits beyond the grants"),
    "warehouse": ("Warehouse", "Databases", "Data Warehouses", "Project", "Queries from Hex"),
    "own_estimate": ("Own estimate", "Other", "Other (Other)", "Project", "Runs"),
}
"""By component: the service, its category and subcategory, the type of resource, and what is metered."""

_OF_NO_PROJECT = frozenset({"warehouse-idle", "warehouse-unattributed"})
_HOUR_SECONDS = 3600
_MONEY = (
    "BilledCost",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "ListCost",
    "ListUnitPrice",
    "x_OwnEstimate",
)
_FIGURES = frozenset(
    {
        "BilledCost",
        "CommitmentDiscountQuantity",
        "ConsumedQuantity",
        "ContractedCost",
        "ContractedUnitPrice",
        "EffectiveCost",
        "ListCost",
        "ListUnitPrice",
        "PricingQuantity",
        "x_OwnEstimate",
        "x_Runs",
    }
)


def focus_csv(bills: Iterable[tuple[str, str | None, Iterable[Charge], Currency]]) -> str:
    """The charges of each workspace: its name, the id of its organisation if it is known, and what it was charged.

    Each bill is in its currency, to the billionth where that is not the dollar.
    """
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for workspace, org_id, charges, currency in bills:
        for charge in charges:
            row = _in_currency(_row(workspace, org_id or workspace, charge), currency)
            writer.writerow(
                {name: cell if name in _FIGURES else for_spreadsheet(str(cell)) for name, cell in row.items()}
            )
    return written.getvalue().rstrip()


def _in_currency(row: Mapping[str, object], currency: Currency) -> Mapping[str, object]:
    """The same row with its money, which is in dollars, in another currency."""
    if currency.code == DOLLARS.code and currency.per_usd_micro == MICRO:
        return row
    rate = Decimal(currency.per_usd_micro) / MICRO
    is_spend = row["CommitmentDiscountUnit"] == DOLLARS.code
    names = (*_MONEY, "CommitmentDiscountQuantity") if is_spend else _MONEY
    shown = {name: _plain(Decimal(str(row[name])) * rate) for name in names if row[name] != ""}
    unit = currency.code if is_spend else row["CommitmentDiscountUnit"]
    return {**row, **shown, "BillingCurrency": currency.code, "CommitmentDiscountUnit": unit}


def _row(workspace: str, account: str, charge: Charge) -> Mapping[str, object]:
    """One line; an empty cell is FOCUS's null."""
    service, category, subcategory, resource_type, meter = _SERVICES[charge.component]
    is_own = charge.component == "own_estimate"
    is_seat = charge.component == "seats"
    provider = charge.provider or ("Own estimate" if is_own else "Hex")
    resource_type = "Warehouse" if charge.sku in _OF_NO_PROJECT else resource_type
    cost = "0" if is_own else dollars(charge.micro_usd)
    quantity, priced = _plain(Decimal(str(charge.quantity))), _pricing_quantity(charge)
    list_cost, list_unit = cost, _unit_price(charge, priced)
    if charge.list_unit_micro is not None and charge.corrected_ms is None:
        listed = Decimal(charge.list_unit_micro) / MICRO
        list_cost, list_unit = _plain(listed * priced), _plain(listed)
    tags = {name: value for name, value in (("team", charge.team), ("owner", charge.owner)) if value}
    reason = f" ({charge.reason})" if charge.reason else ""
    return {
        "BilledCost": cost,
        "BillingAccountId": account,
        "BillingAccountName": "",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _instant(charge.month[1]),
        "BillingPeriodStart": _instant(charge.month[0]),
        # A seat is used up in the period in which it is billed, and is no purchase for later ones.
        "ChargeCategory": "Usage",
        "ChargeClass": "" if charge.corrected_ms is None else "Correction",
        "ChargeDescription": f"{service}: {charge.sku}, {quantity} {charge.unit}{reason}",
        "ChargeFrequency": "Recurring" if is_seat else "Usage-Based",
        "ChargePeriodEnd": _instant(charge.period[1]),
        "ChargePeriodStart": _instant(charge.period[0]),
        **_commitment(charge, quantity, cost),
        "ConsumedQuantity": quantity,
        "ConsumedUnit": charge.unit,
        "ContractedCost": cost,
        "ContractedUnitPrice": _unit_price(charge, priced),
        "EffectiveCost": cost,
        "InvoiceId": "",
        "InvoiceIssuerName": provider,
        "ListCost": list_cost,
        "ListUnitPrice": list_unit,
        "PricingCategory": "Committed" if charge.commitment else "Standard",
        "PricingQuantity": _plain(priced),
        "PricingUnit": "Hours" if charge.unit == "Seconds" else charge.unit,
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": charge.resource_id or "",
        "ResourceName": charge.resource_name,
        "ResourceType": resource_type if charge.resource_id else "",
        "ServiceCategory": category,
        "ServiceName": service,
        "ServiceSubcategory": subcategory,
        "SkuId": charge.sku,
        "SkuMeter": meter,
        "SkuPriceId": charge.sku,
        "SubAccountId": workspace,
        "SubAccountName": workspace,
        "Tags": json.dumps(tags, ensure_ascii=False),
        "x_AdjustedAt": "" if charge.corrected_ms is None else _instant(charge.corrected_ms),
        "x_ComputeBasis": charge.basis or "",
        "x_OwnEstimate": dollars(charge.micro_usd) if is_own else "",
        "x_Runs": "" if charge.runs is None else charge.runs,
        "x_Team": charge.team,
    }


def _commitment(charge: Charge, quantity: str, cost: str) -> Mapping[str, object]:
    """What of a contract the charge used: seats that were bought, or money that was committed to; null without one."""
    names = [name for name in COLUMNS if name.startswith("CommitmentDiscount")]
    if not charge.commitment:
        return dict.fromkeys(names, "")
    is_spend = charge.commitment.endswith("-commit")
    values = (
        "Spend" if is_spend else "Usage",
        charge.commitment,
        charge.commitment,
        cost if is_spend else quantity,
        "Unused" if (charge.resource_id or "").startswith(UNHELD) else "Used",
        "Commit of the year" if is_spend else "Seats of a contract",
        "USD" if is_spend else charge.unit,
    )
    return dict(zip(names, values, strict=True))


def _pricing_quantity(charge: Charge) -> Decimal:
    """How much is priced, in the list's unit: hours, months of a seat, credits that are paid for."""
    if charge.unit == "Seconds":
        return Decimal(str(charge.quantity)) / _HOUR_SECONDS
    if charge.component == "ai_credits" and charge.unit_micro:
        return Decimal(charge.micro_usd) / charge.unit_micro
    return Decimal(str(charge.quantity))


def _unit_price(charge: Charge, quantity: Decimal) -> str:
    """What one cost: the price, or where that changed in between, or is not known, the mean."""
    if charge.component == "own_estimate":
        return "0"
    cost = Decimal(charge.micro_usd) / MICRO
    if charge.unit_micro is not None:
        price = Decimal(charge.unit_micro) / MICRO
        if abs(price * quantity - cost) <= abs(cost) / 10_000 + _CENT:  # each run is rounded by itself
            return _plain(price)
    return _plain(abs(cost / quantity)) if quantity else "0"


_CENT = Decimal("0.01")


def _plain(amount: Decimal) -> str:
    """A number without an exponent, to the billionth."""
    text = f"{amount:.9f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def dollars(micro_usd: int) -> str:
    """An amount in dollars, to the millionth and no further than it goes."""
    whole, rest = divmod(abs(micro_usd), MICRO)
    return f"{'-' if micro_usd < 0 else ''}{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
