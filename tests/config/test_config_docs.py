"""docs/configuration.md says what the code does: every key, type and default, the example and the mistakes."""

import re
from pathlib import Path

import msgspec
import pytest
import trustme
import yaml

from exporter.config import (
    AllowedCaller,
    Budget,
    Config,
    Contract,
    FileSource,
    Gateway,
    HttpSource,
    Match,
    Policy,
    Source,
    SqlSource,
    Storage,
    Team,
    Trigger,
    Workspace,
)
from exporter.config.docs import key_types, renewed_page
from exporter.config.schema import schema

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
RENEW = "run `make docs` and commit what it writes"
DEFAULT = Config(workspaces=(Workspace(token_env="HEX_API_TOKEN"),), storage=Storage(url="sqlite:////state/ledger.db"))
READER = schema(Path(), DEFAULT)
SETTINGS = key_types()
ROWS = {
    key: (kind, default)
    for key, kind, default in re.findall(r"^\| `([A-Za-z0-9_.]+)` \| (.+?) \| (.+?) \| .+ \|$", PAGE, re.M)
}
LISTS = ("workspaces", "budgets", "sources", "triggers", "gateway.callers", "gateway.policies")
REQUIRED = {
    "budgets": "name: b, unit: runs, limit: 500",
    "sources": "match: {title: a}",
    "triggers": "match: {title: a}",
    "sources.sql": "url_env: A, query: b",
    "gateway.callers": "certificate: a",
    "sources.http": "url: https://a.example",
    "contract": "credits_month: 1",
}
STANDS_FOR = {
    "prices.overrides": "PLAN",
    "prices.compute_hour_usd": "PROFILE",
    "prices.scale": "COMPONENT",
    "contract.seats": "SEAT",
}
EXAMPLE = re.search(r"^```yaml\n(.*?)^```$", PAGE, re.M | re.S)[1]


def keys_of(node: yaml.Node, name: str = "") -> set[str]:
    """The dotted names of every key below a node."""
    if isinstance(node, yaml.SequenceNode):
        return set().union(*(keys_of(item, name) for item in node.value))
    if not isinstance(node, yaml.MappingNode):
        return set()
    found = set()
    for key, value in node.value:
        dotted = f"{name}.{STANDS_FOR.get(name, key.value)}".removeprefix(".")
        # What is left out has the keys of the match around it.
        # The names of inputs are those of the project.
        is_left_out = dotted.endswith((".match.except", ".except.except", ".except.match", ".inputs"))
        found |= {dotted} if is_left_out else {dotted} | keys_of(value, dotted)
    return found


def with_setting(key: str, written: str) -> str:
    """A file that gives one key, and beside it only what is required there."""
    *mappings, last = key.split(".")
    text = f"{last}: {written}"
    while mappings:
        dotted = ".".join(mappings)
        text = ", ".join(filter(None, (REQUIRED.get(dotted), text)))
        name = mappings.pop()
        text = f"{name}: [{{{text}}}]" if dotted in LISTS else f"{name}: {{{text}}}"
    if key.startswith("triggers."):
        text += "\nsources: [{match: {title: a}, file: {paths: [a]}}]"
    return text


def without_setting(key: str) -> Config:
    """What a file gives that has only what is required beside the key."""
    match = Match(title="a")
    if key.startswith("budgets."):
        return msgspec.structs.replace(DEFAULT, budgets=(Budget(name="b", unit="runs", limit=500),))
    if key.startswith("sources.http."):
        return msgspec.structs.replace(
            DEFAULT, sources=(Source(match=match, http=HttpSource(url="https://a.example")),)
        )
    if key.startswith("sources.sql."):
        return msgspec.structs.replace(DEFAULT, sources=(Source(match=match, sql=SqlSource(url_env="A", query="b")),))
    if key.startswith("triggers."):
        sources = (Source(match=match, file=FileSource(paths=("a",))),)
        return msgspec.structs.replace(DEFAULT, sources=sources, triggers=(Trigger(match=match),))
    if key.startswith("contract."):
        return msgspec.structs.replace(DEFAULT, contracts=(Contract(credits_month=1),))
    if key.startswith("gateway.callers."):
        return msgspec.structs.replace(DEFAULT, gateway=Gateway(callers=(AllowedCaller(certificate="a"),)))
    if key.startswith("gateway.policies."):
        return msgspec.structs.replace(DEFAULT, gateway=Gateway(policies=(Policy(),)))
    return msgspec.structs.replace(DEFAULT, gateway=Gateway()) if key.startswith("gateway.") else DEFAULT


def of_match(key: str) -> str | None:
    """The row that says what a pattern of a match means: it stands once, for wherever a match may stand."""
    found = re.fullmatch(r"(?:[a-z_.]+\.match|(?:collect|triggers)\.except)\.([a-z_]+)", key)
    return found and f"match.{found[1]}"


def test_has_every_key_and_no_other():
    hint = "write a row into docs/configuration.md for each key that exporter/config/schema.py has, in its order"
    patterns = [row for row in ROWS if row.startswith("match.")]

    assert [row for row in ROWS if row not in patterns] == [key for key in SETTINGS if of_match(key) is None], hint
    assert sorted(patterns) == sorted({row for key in SETTINGS if (row := of_match(key))}), hint


def test_patterns_of_matches_are_the_same_wherever_they_stand():
    for key, kind in SETTINGS.items():
        row = of_match(key)
        assert row is None or ROWS[row][0] == kind, key


def test_has_the_types_and_the_messages_of_the_code():
    assert renewed_page(PAGE) == PAGE, RENEW


def test_a_page_that_is_behind_is_renewed():
    behind = PAGE.replace("| true or false |", "| a switch |").replace("is not encrypted", "is not nice")

    assert behind != PAGE
    assert renewed_page(behind) == PAGE


@pytest.mark.parametrize("key", [key for key, (_, default) in ROWS.items() if re.fullmatch("`[^`]+`", default)])
def test_a_default_written_out_is_the_default(load, key):
    written = ROWS[key][1].strip("`")

    if key != "workspaces.token_env":
        assert ROWS[key][1] != "`HEX_API_TOKEN`"
    if key in ("sources.every", "sources.on_request"):
        entry = f"match: {{title: a}}, file: {{paths: [/b]}}, {key.removeprefix('sources.')}: {written}"
        assert load(f"sources: [{{{entry}}}]").sources == (
            Source(match=Match(title="a"), file=FileSource(paths=("/b",))),
        )
    elif key.startswith("warehouses."):
        entry = "name: a, kind: bigquery, url_env: U"
        assert load(f"warehouses: [{{{entry}, {key.removeprefix('warehouses.')}: {written}}}]") == load(
            f"warehouses: [{{{entry}}}]"
        )
    else:
        assert load(with_setting(key, written)) == without_setting(key)


def test_every_field_of_the_records_has_a_key():
    """No setting exists in code that a file cannot give, and none is read that goes nowhere."""

    def compare(reader, in_team=False):
        names = {field.encode_name for field in msgspec.structs.fields(reader.build)}
        # Teams do not define each other.
        assert names - ({"team"} if in_team else set()) == set(reader.readers)
        for inner in reader.readers.values():
            inner = getattr(inner, "item", getattr(inner, "value", inner))
            if hasattr(inner, "build"):
                compare(inner, in_team=in_team or inner.build is Team)

    compare(READER)


def test_the_example_has_every_key():
    # The example has its ledger in a file, whose address is no secret, and which replicas cannot share.
    wanted = {key for key in SETTINGS if key.partition(".")[0] != "cluster"}
    wanted -= {"storage.url_file", "storage.url_env", "storage.schema"}
    assert keys_of(yaml.compose(EXAMPLE)) == wanted, "add the missing keys to the example by hand"


def test_the_starter_is_the_file_and_loads(load):
    file = (Path(__file__).parents[2] / "examples" / "hex-exporter.yml").read_text("utf-8")
    config = load(file, source="hex-exporter.yml", environ={"HEX_API_TOKEN": "hxtw_x"})

    assert len(file.splitlines()) <= 20
    assert f"```yaml starter\n{file}```" in PAGE, "copy examples/hex-exporter.yml to 'A starter configuration'"
    assert [budget.unit for budget in config.budgets] == ["runs", "bill_usd", "runs"]


def test_the_example_loads(load, tmp_path):
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "ca.pem"))

    config = load(EXAMPLE.replace("/etc/ssl/acme-ca.pem", str(tmp_path / "ca.pem")), source="/etc/hex-exporter.yml")

    assert [workspace.name for workspace in config.workspaces] == ["acme", "labs"]
    assert config.workspaces[0].base_url == "https://eu.hex.tech/api/v1"
    assert config.week("labs").starts == 6
    assert config.week("acme").timezone == "Europe/Zurich"
    assert [team.name for team in config.teams] == ["marketing", "finance"]
    assert config.labels.owner == "hash"
    assert [source.kind for source in config.sources] == ["sql", "sql", "sql", "http", "http", "file"]
    assert config.sources[5].file.paths == ("/data/*.csv", "/etc/reference/rates.parquet")
    assert config.gateway_workspace.name == "acme"
    assert [policy.shared for policy in config.gateway.policies] == [False, True, False]
    assert config.ignore[0].kind == "idle_paid_seat"
