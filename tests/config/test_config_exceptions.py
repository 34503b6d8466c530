"""`team` and `except` in every match: which projects are meant, and what is refused."""

import pytest

from exporter.errors import ConfigError
from exporter.facts import Project

TEAMS = """
teams:
  - {name: growth, match: {title: "Growth *"}}
  - {name: marketing, match: {owner: "*@marketing.example", except: {owner: "boss@*"}}}
"""
ADS = Project(project_id="1", title="Ads", owner="ana@marketing.example")
GROWTH = Project(project_id="2", title="Growth of ads", owner="ana@marketing.example")
BOSS = Project(project_id="3", title="Plans", owner="boss@marketing.example")
DRAFT = Project(project_id="4", title="Ads draft", owner="ana@marketing.example")
ALL = (ADS, GROWTH, BOSS, DRAFT)

PLACES = {
    "budgets": ("budgets: [{{name: b, unit: runs, limit: 5, match: {}}}]", lambda config: config.budgets[0].match),
    "sources": ("sources: [{{match: {}, file: {{paths: [/a]}}}}]", lambda config: config.sources[0].match),
    "policies": ("gateway: {{policies: [{{match: {}}}]}}", lambda config: config.gateway.policies[0].match),
    "compute": (
        "compute: {{profiles: [{{match: {}, profile: 4xl}}]}}",
        lambda config: config.compute_lists[0].profiles[0].match,
    ),
    "collect": ("collect: {{match: {}}}", lambda config: config.collect.match[0]),
    "teams": ("teams: [{{name: t, match: {}}}]", lambda config: config.teams[0].match),
}


def matched(match):
    return [one.project_id for one in ALL if match.matches("acme", one)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ('{owner: "*@marketing.example", except: {title: "* draft"}}', ["1", "2", "3"]),
        ('{owner: "*@marketing.example", except: [{title: "* draft"}, {owner: "boss@*"}]}', ["1", "2"]),
        ('{except: {owner: "ana@*", title: "A*"}}', ["2", "3"]),
    ],
)
def test_what_an_exception_matches_is_left_out_everywhere(load, place, written, ids):
    text, find = PLACES[place]

    assert matched(find(load(text.format(written)))) == ids


@pytest.mark.parametrize("place", [place for place in PLACES if place != "teams"])
@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("{team: marketing}", ["1", "4"]),  # the first team that matches applies, and growth stands first
        ("{team: Growth}", ["2"]),
        ('{team: "*g*"}', ["1", "2", "4"]),
        ('{team: "*"}', ["1", "2", "3", "4"]),
        ("{team: marketing, title: Ads}", ["1"]),
        ("{team: marketing, except: {title: Ads}}", ["4"]),
        ('{title: "*", except: {team: marketing}}', ["2", "3"]),
    ],
)
@pytest.mark.parametrize("teams_come_last", [False, True])
def test_a_team_is_what_teams_says(load, place, written, ids, teams_come_last):
    text, find = PLACES[place]
    parts = [TEAMS, text.format(written)]

    assert matched(find(load("\n".join(reversed(parts) if teams_come_last else parts)))) == ids


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEAMS + "collect: {match: {team: sales}}", '"sales" is not a team; write one of growth, marketing'),
        (TEAMS + "collect: {match: {team: grwth}}", "did you mean growth?"),
        ("collect: {match: {team: sales}}", '"sales" is not a team; define it under teams'),
        (TEAMS + "collect: {match: {title: a, except: {team: sales}}}", '"sales" is not a team'),
        ("teams: [{name: a, match: {team: a}}]", 'unknown key "team"'),
        ("teams: [{name: a, match: {title: b, except: {}}}]", "has no pattern"),
        ("teams: [{name: a, match: {title: b, except: [{title: c, except: {title: d}}]}}]", 'unknown key "except"'),
        (
            TEAMS + "budgets: [{name: b, unit: ai_credits, limit: 5, match: {team: growth}}]",
            "match by workspace only",
        ),
        ("gateway: {policies: [{match: {except: {title: a}}, sample: {header: a, parameter: b, value: 1}}]}", "sample"),
    ],
)
def test_says_what_is_wrong(load, text, message):
    with pytest.raises(ConfigError) as refused:
        load(text)

    assert message in str(refused.value)


def test_a_budget_of_workspaces_leaves_a_workspace_out(load):
    config = load(
        "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"
        "budgets: [{name: b, unit: ai_credits, limit: 5, match: {except: {workspace: labs}}}]"
    )

    assert [one.name for one in config.budgets_of("acme")] == ["b"]
    assert config.budgets_of("labs") == ()


def test_a_hundred_mistakes_in_teams_are_those_of_the_file(load):
    with pytest.raises(ConfigError) as refused:
        load("teams: [" + "{name: 1}, " * 101 + "]", source="hex-exporter.yml")

    assert all(problem.location.startswith("hex-exporter.yml") for problem in refused.value.problems)
