"""Arbitrary text, much of it nearly right, never brings anything out but a ConfigError."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exporter.config import Config, Storage, Workspace
from exporter.config.readers import Items, Keys, Reader, Table
from exporter.config.schema import schema
from exporter.errors import ConfigError, ConfigProblem

READER = schema(Path(), Config(workspaces=(Workspace(),), storage=Storage(url="sqlite:///ledger.db")))
SCALARS = st.one_of(
    st.sampled_from(
        ["", "~", "yes", "5", "-1", "0x1F", "1:30", ".nan", ".inf", "1e400", "90s", "0s", "auto", "monday", "UTC",
         "Europe", "2026-10-01", "2026-99-99", "https://eu.hex.tech", "http://[::1", "http://h:99999", "sqlite:///x",
         "postgresql://u:p@h", "'*'", "*a", "&a b", "!!int x", "!!float x", "!!bool x", "!!timestamp x", "!x y",
         '"\\0"', '"\\ud800"']
    ),
    st.text(max_size=10).map(lambda text: "'" + text.replace("'", "''") + "'"),
)  # fmt: skip


def listed(item: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(item, max_size=3).map(lambda items: f"[{', '.join(items)}]")


def mapped(pairs: st.SearchStrategy[list[tuple[str, str]]]) -> st.SearchStrategy[str]:
    return pairs.map(lambda some: "{" + ", ".join(f"{key}: {value}" for key, value in some) + "}")


ANYTHING = st.recursive(
    SCALARS, lambda inner: listed(inner) | mapped(st.lists(st.tuples(SCALARS, inner), max_size=3)), max_leaves=8
)


def nearly_right(reader: Reader[object]) -> st.SearchStrategy[str]:
    """What the reader takes, with any value in any place, keys that are unknown and keys given twice."""
    if isinstance(reader, Items):
        return listed(nearly_right(reader.item)) | nearly_right(reader.item) | ANYTHING
    if isinstance(reader, Keys):
        known = [st.tuples(st.just(key), nearly_right(inner)) for key, inner in reader.readers.items()]
        unknown = st.tuples(st.sampled_from(["<<", "x", "5", "[a]", "~"]), ANYTHING)
        return mapped(st.lists(st.one_of(*known, unknown), max_size=5)) | ANYTHING
    if isinstance(reader, Table):
        return mapped(st.lists(st.tuples(st.sampled_from(reader.words), nearly_right(reader.value)), max_size=3))
    return SCALARS | ANYTHING


TEXTS = st.one_of(
    st.text(max_size=40),
    st.text(alphabet=" \t\n-:,?![]{}&*#|>'\"%@`~\\abx01U", max_size=40),
    st.binary(max_size=40),
    nearly_right(READER),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(text=TEXTS)
@pytest.mark.slow
def test_any_text_is_a_configuration_or_is_refused_with_a_config_error(load, text):
    """No other error comes out, and each problem can be printed on a line of its own."""
    problems: tuple[ConfigProblem, ...] = ()
    try:
        assert load(text).workspaces
    except ConfigError as error:
        problems = error.problems

    for problem in problems:
        assert str(problem).isprintable()
