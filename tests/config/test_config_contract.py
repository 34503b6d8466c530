"""The contract, chargeback and the currency in the file."""

from datetime import date

import pytest

from exporter.config import DOLLARS, Chargeback, Contract, Currency
from exporter.errors import ConfigError

CONTRACT = "seats: {editor: 40}, credits_month: 20000, commit_usd_year: 60000, renews_on: 2027-03-01, billing: annual"


def test_a_contract_is_read(load):
    assert load(f"contract: {{{CONTRACT}}}").contract("acme") == Contract(
        seats={"editor": 40},
        credits_month=20_000,
        commit_year_micro_usd=60_000_000_000,
        renews_on=date(2027, 3, 1),
        billing="annual",
    )
    assert load("").contract("acme") is None


def test_the_first_contract_that_matches_the_workspace_applies(load):
    config = load(
        "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"
        "contract: [{workspace: labs, seats: {editor: 1}}, {workspace: '*', seats: {editor: 2}}]"
    )

    assert config.contract("labs").seats == {"editor": 1}
    assert config.contract("acme").seats == {"editor": 2}


def test_currencies_apply_from_their_days_on(load):
    config = load(
        "currency: [{code: chf, per_usd: 0.8, valid_from: 2026-12-01}, {code: EUR, per_usd: 0.92, "
        "valid_from: 2026-11-01}]"
    )

    assert config.currency(date(2026, 10, 1)) == config.currency(date(2026, 11, 30))
    assert config.currency(date(2026, 11, 30)) == Currency(
        code="EUR", per_usd_micro=920_000, valid_from=date(2026, 11, 1)
    )
    assert config.currency(date(2026, 12, 1)).code == "CHF"
    assert load("").currency(date(2026, 12, 1)) == DOLLARS


def test_chargeback_is_read(load):
    config = load("teams: [{name: a, match: {title: a}}]\nchargeback: {shared_by: minutes}")

    assert config.chargeback == Chargeback(shared_by="minutes")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("contract: {seats: {editr: 4}}", "did you mean editor?"),
        ("contract: {seats: {admin: 4}}", 'unknown key "admin"; write one of editor, explorer, viewer'),
        ("contract: {seats: {editor: -4}}", "-4 is not valid; write a whole number from 0"),
        ("contract: {seats: {editor: 1.5}}", "write a whole number"),
        ("contract: {credits_month: -1}", "write a number above 0"),
        ("contract: {commit_usd_year: -60000}", "write an amount in dollars"),
        ("contract: {seats: {editor: 4}, billing: weekly}", "write one of annual, monthly"),
        ("contract: {seats: {editor: 4}, renews_on: soon}", "write a day such as"),
        ("contract: {}", "nothing is bought; add seats, credits_month or commit_usd_year"),
        ("contract: {seats: {editor: 4}, workspace: labs}", '"labs" matches no workspace'),
        ("currency: {code: EUR}", "per_usd is missing; add it"),
        ("currency: {per_usd: 0.92}", "code is missing; add it"),
        ("currency: {code: EUR, per_usd: 0}", "0 is not valid; write what a dollar is worth"),
        ("currency: {code: EUR, per_usd: -1}", "-1 is not valid"),
        ("currency: {code: Euro, per_usd: 1}", "write a currency code of ISO 4217"),
        ("currency: []", "an empty list is not valid"),
        ("currency: [{code: EUR, per_usd: 1}, {code: CHF, per_usd: 1}]", "has a currency since ever already"),
        ("chargeback: {shared_by: runs}", "there is no team to charge; add teams"),
        ("teams: [{name: a, match: {title: a}}]\nchargeback: {shared_by: heads}", "write one of runs, minutes, seats"),
        ("teams: [{name: a, match: {title: a}}]\nchargeback: {}", "shared_by is missing"),
    ],
)
def test_says_what_is_wrong(load, text, message):
    with pytest.raises(ConfigError) as refused:
        load(text)

    assert message in str(refused.value)
