"""docs/configuration.md says what the code does: every key, type and default, the example and the mistakes."""

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from exporter.config import Budget, Config, Storage, Workspace
from exporter.config.schema import schema
from exporter.errors import ConfigError

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text("utf-8")
DEFAULT = Config(workspaces=(Workspace(token_env="HEX_API_TOKEN"),), storage=Storage(url="sqlite:////state/ledger.db"))
READER = schema(Path(), DEFAULT)
SETTINGS = dict(READER.settings())
ROWS = {
    key: (kind, default)
    for key, kind, default in re.findall(r"^\| `([A-Za-z_.]+)` \| (.+?) \| (.+?) \| .+ \|$", PAGE, re.M)
}
LISTS = ("workspaces", "budgets")
REQUIRED = {"budgets": "name: b, unit: runs, limit: 500"}
STANDS_FOR = {"prices.overrides": "PLAN", "prices.compute_hour_usd": "PROFILE"}
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
        found |= {dotted} | keys_of(value, dotted)
    return found


def with_setting(key: str, written: str) -> str:
    """A file that gives one key alone."""
    *mappings, last = key.split(".")
    text = f"{last}: {written}"
    for name in reversed(mappings):
        text = ", ".join(filter(None, (REQUIRED.get(name), text)))
        text = f"{name}: [{{{text}}}]" if name in LISTS else f"{name}: {{{text}}}"
    return text


def test_has_every_key_and_no_other():
    assert list(ROWS) == list(SETTINGS)


@pytest.mark.parametrize("key", SETTINGS)
def test_says_of_each_key_what_is_expected(key):
    assert ROWS[key][0] == SETTINGS[key]


@pytest.mark.parametrize("key", [key for key, (_, default) in ROWS.items() if re.fullmatch("`[^`]+`", default)])
def test_a_default_written_out_is_the_default(load, key):
    written = ROWS[key][1].strip("`")

    if key != "workspaces.token_env":
        assert ROWS[key][1] != "`HEX_API_TOKEN`"
    default = DEFAULT
    if key.startswith("budgets."):
        default = msgspec.structs.replace(DEFAULT, budgets=(Budget(name="b", unit="runs", limit=500),))
    assert load(with_setting(key, written)) == default


def test_every_field_of_the_records_has_a_key():
    """No setting exists in code that a file cannot give, and none is read that goes nowhere."""

    def compare(reader):
        names = {field.encode_name for field in msgspec.structs.fields(reader.build)}
        assert names == set(reader.readers)
        for inner in reader.readers.values():
            inner = getattr(inner, "item", getattr(inner, "value", inner))
            if hasattr(inner, "build"):
                compare(inner)

    compare(READER)


def test_the_example_has_every_key():
    assert keys_of(yaml.compose(EXAMPLE)) == set(SETTINGS)


def test_the_example_loads(load):
    config = load(EXAMPLE, source="/etc/hex-exporter.yml")

    assert [workspace.name for workspace in config.workspaces] == ["acme", "labs"]
    assert config.workspaces[0].base_url == "https://eu.hex.tech/api/v1"
    assert config.week("labs").starts == 6
    assert config.week("acme").timezone == "Europe/Zurich"
    assert [team.name for team in config.teams] == ["marketing", "finance"]
    assert config.labels.owner == "hash"


def test_the_mistakes_are_told_as_shown(load):
    text = re.search(r"^```yaml mistakes\n(.*?)^```$", PAGE, re.M | re.S)[1]
    shown = re.search(r"^```text\n(.*?)^```$", PAGE, re.M | re.S)[1]

    with pytest.raises(ConfigError) as caught:
        load(text, source="hex-exporter.yml")

    assert f"{caught.value}\n" == shown
