"""A week's bill as CSV in the columns of FOCUS, the FinOps Open Cost and Usage Specification, version 1.2.

Beside the columns that it demands are those that show who caused which part. Costs before discounts
are those after them, as no invoice is read. The owners' own estimate was never billed and costs nothing: it is in
x_OwnEstimate only, so that no sum of a column of FOCUS has it. What was found to differ from a closed period stands
beside it as a Correction with its date.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from exporter.insight import MICRO
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
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
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
    "SkuId",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_AdjustedAt",
    "x_OwnEstimate",
    "x_Runs",
    "x_Team",
)
"""Those of FOCUS in its own order, then ours."""

_SERVICES = {
    "seats": ("Hex seats", "Analytics", "User"),
    "compute": ("Hex compute", "Analytics", "Project"),
    "ai_credits": ("Hex AI credits", "AI and Machine Learning", ""),
    "own_estimate": ("Own estimate", "Other", "Project"),
}
_FIGURES = frozenset(
    {
        "BilledCost",
        "ConsumedQuantity",
        "ContractedCost",
        "EffectiveCost",
        "ListCost",
        "PricingQuantity",
        "x_OwnEstimate",
        "x_Runs",
    }
)


def focus_csv(bills: Iterable[tuple[str, str | None, Iterable[Charge]]]) -> str:
    """The charges of each workspace: its name, the id of its organisation if it is known, and what it was charged."""
    written = io.StringIO()
    writer = csv.DictWriter(written, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for workspace, org_id, charges in bills:
        for charge in charges:
            row = _row(workspace, org_id or workspace, charge)
            writer.writerow(
                {name: cell if name in _FIGURES else for_spreadsheet(str(cell)) for name, cell in row.items()}
            )
    return written.getvalue().rstrip()


def _row(workspace: str, account: str, charge: Charge) -> Mapping[str, object]:
    """One line; an empty cell is FOCUS's null."""
    service, category, resource_type = _SERVICES[charge.component]
    is_own = charge.component == "own_estimate"
    is_seat = charge.component == "seats"
    provider = "Own estimate" if is_own else "Hex"
    cost = "0" if is_own else dollars(charge.micro_usd)
    quantity = f"{charge.quantity:.6f}".rstrip("0").rstrip(".")
    tags = {name: value for name, value in (("team", charge.team), ("owner", charge.owner)) if value}
    reason = f" ({charge.reason})" if charge.reason else ""
    return {
        "BilledCost": cost,
        "BillingAccountId": account,
        "BillingAccountName": "",
        "BillingCurrency": "USD",
        "BillingPeriodEnd": _instant(charge.month[1]),
        "BillingPeriodStart": _instant(charge.month[0]),
        "ChargeCategory": "Purchase" if is_seat else "Usage",
        "ChargeClass": "" if charge.corrected_ms is None else "Correction",
        "ChargeDescription": f"{service}: {charge.sku}, {quantity} {charge.unit}{reason}",
        "ChargeFrequency": "Recurring" if is_seat else "Usage-Based",
        "ChargePeriodEnd": _instant(charge.period[1]),
        "ChargePeriodStart": _instant(charge.period[0]),
        "ConsumedQuantity": "" if is_seat else quantity,
        "ConsumedUnit": "" if is_seat else charge.unit,
        "ContractedCost": cost,
        "EffectiveCost": cost,
        "InvoiceIssuerName": provider,
        "ListCost": cost,
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": charge.unit,
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": charge.resource_id or "",
        "ResourceName": charge.resource_name,
        "ResourceType": resource_type if charge.resource_id else "",
        "ServiceCategory": category,
        "ServiceName": service,
        "SkuId": charge.sku,
        "SkuPriceId": charge.sku,
        "SubAccountId": workspace,
        "SubAccountName": workspace,
        "Tags": json.dumps(tags, ensure_ascii=False),
        "x_AdjustedAt": "" if charge.corrected_ms is None else _instant(charge.corrected_ms),
        "x_OwnEstimate": dollars(charge.micro_usd) if is_own else "",
        "x_Runs": "" if charge.runs is None else charge.runs,
        "x_Team": charge.team,
    }


def dollars(micro_usd: int) -> str:
    """An amount in dollars, to the millionth and no further than it goes."""
    whole, rest = divmod(abs(micro_usd), MICRO)
    return f"{'-' if micro_usd < 0 else ''}{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
