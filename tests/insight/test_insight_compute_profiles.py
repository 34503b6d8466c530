"""Which profile a run had: what is configured, else its version's, else the nearest earlier one's, else the default."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.insight import ComputeProfile, ProjectProfiles

KNOWN = ProjectProfiles(versions=((2, "small"), (5, "large")), default="medium")


@pytest.mark.parametrize(
    ("version", "profile", "basis"),
    [
        ("2", "small", "exact"),
        ("5", "large", "exact"),
        ("3", "small", "assumed"),
        ("9", "large", "assumed"),
        ("1", "large", "assumed"),
        ("draft", "large", "assumed"),
        (None, "large", "assumed"),
    ],
)
def test_a_version_that_was_not_read_has_the_profile_of_the_nearest_earlier_one(version, profile, basis):
    assert KNOWN.of(version) == ComputeProfile(profile, basis)


def test_what_is_configured_always_applies():
    assert KNOWN._replace(stated="4xl").of("5") == ComputeProfile("4xl", "configured")
    assert KNOWN._replace(stated="4xl").names == {"4xl"}


def test_without_any_version_it_is_the_default():
    assert ProjectProfiles(default="medium").of("3") == ComputeProfile("medium", "assumed")
    assert ProjectProfiles(default="medium").current == ComputeProfile("medium", "assumed")


def test_what_was_published_last_is_the_profile_of_the_next_run_and_is_assumed_of_runs_that_name_a_number():
    latest = ProjectProfiles(latest="xl", default="medium")

    assert latest.current == ComputeProfile("xl", "exact")
    assert latest.of("7") == ComputeProfile("xl", "assumed")


@given(
    st.dictionaries(st.integers(1, 30), st.sampled_from(("small", "large", "xl"))),
    st.none() | st.integers(1, 40).map(str) | st.text(max_size=3),
)
def test_a_run_is_exact_only_at_the_profile_of_its_own_version(versions, version):
    found = ProjectProfiles(versions=tuple(sorted(versions.items())), default="medium").of(version)

    if found.basis == "exact":
        assert version is not None
        assert versions[int(version)] == found.name
    else:
        assert version is None or not version.isdecimal() or int(version) not in versions
        assert found.name in {*versions.values()} if versions else found.name == "medium"
