"""Which projects a match fits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Match
from exporter.config.match import PATTERNS, matches_glob
from exporter.facts import Project

PROJECT = Project(
    project_id="5a8f-01",
    title="Orders by Region",
    owner="ana@marketing.example",
    project_status="Approved",
    categories=("Finance", "Trials"),
    groups=("Growth", "Ops"),
    collections=("Month end",),
)
BARE = Project(project_id="5a8f-02")


class TestMatch:
    @pytest.mark.parametrize(
        "match",
        [
            Match(),
            Match(workspace="acme"),
            Match(workspace="A*"),
            Match(project_id="5A8F*"),
            Match(title="orders*"),
            Match(title="ORDERS BY ?EGION"),
            Match(owner="*@marketing.example"),
            Match(group="ops"),
            Match(group="Gr[a-z]wth"),
            Match(category="trials"),
            Match(project_status="approved"),
            Match(collection="month*"),
            Match(title="*region", owner="ana@*", group="*", category="F*", collection="*end"),
        ],
    )
    def test_fits_when_every_pattern_does(self, match):
        assert match.matches("acme", PROJECT)

    @pytest.mark.parametrize(
        "match",
        [
            Match(workspace="labs"),
            Match(project_id="5a8f"),
            Match(title="orders"),
            Match(owner="*@finance.example"),
            Match(group="Sales"),
            Match(category="Trial"),
            Match(project_status="Draft"),
            Match(collection="end"),
            Match(title="orders*", owner="bob@*"),
        ],
    )
    def test_does_not_fit_when_one_pattern_does_not(self, match):
        assert not match.matches("acme", PROJECT)

    @pytest.mark.parametrize("key", ["owner", "group", "category", "project_status", "collection"])
    def test_what_a_project_lacks_fits_the_star_alone(self, key):
        assert Match(**{key: "*"}).matches("acme", BARE)
        assert not Match(**{key: "**"}).matches("acme", BARE)
        assert not Match(**{key: "?*"}).matches("acme", BARE)

    def test_every_pattern_is_asked(self):
        """A pattern that nothing has makes the match fit nothing, whichever key it stands at."""
        for key in PATTERNS:
            assert not Match(**{key: "nothing is called this"}).matches("acme", PROJECT)


@given(st.text(max_size=20), st.text(max_size=20))
def test_any_pattern_can_be_asked_of_any_value(pattern, value):
    assert isinstance(matches_glob(pattern, value), bool)
    assert matches_glob("*", value)


@given(st.text(alphabet="abXYZ 0-_.@ß", max_size=20))
def test_a_value_without_wildcards_fits_itself_in_any_case(value):
    assert matches_glob(value, value)
    assert matches_glob(value.lower(), value)
