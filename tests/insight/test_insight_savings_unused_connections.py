"""Connections without use, that lead to one place, and that too many start on at once."""

from dataclasses import replace

import pytest
from helpers.auditing import NOW_MS, OLD_MS, days_ago, finding, found, project, runs, schedule, tables, world

from exporter.facts import Connection
from exporter.insight.savings.audit_input import ProjectUse
from exporter.insight.savings.ranking import audit

ONE = Connection(connection_id="c1", name="One", connection_type="postgres", target="db/shop")
TWO = Connection(connection_id="c2", name="Two", connection_type="postgres", target="db/shop")


def viewed(project_id="p", **facts):
    """A project that is no finding by itself."""
    return project(project_id, **({"viewed_ms": NOW_MS, "views_30d": 90} | facts))


def kinds(evidence, *wanted):
    return {key for key in found(evidence) if key[0] in wanted}


class TestUnused:
    def unused(self, *projects, **known):
        return kinds(world(*projects, connections=(ONE,), **known), "unused_connection")

    def test_no_project_queries_it(self):
        assert self.unused(viewed()) == {("unused_connection", "c1")}

    def test_one_project_does(self):
        assert self.unused(viewed(), tables={"p": tables("orders")}) == set()

    def test_a_project_that_neither_ran_nor_was_opened_for_long_does_not_count(self):
        quiet = project(schedules=())

        assert self.unused(quiet, uses={}, tables={"p": tables("a")}) == {("unused_connection", "c1")}

    @pytest.mark.parametrize("change", [{"viewed_ms": days_ago(3)}, {"edited_ms": days_ago(3)}])
    def test_one_that_is_opened_or_edited_does(self, change):
        assert self.unused(project(schedules=(), **change), uses={}, tables={"p": tables("a")}) == set()

    def test_one_that_ran_lately_by_any_trigger_does(self):
        use = ProjectUse(last_ms={"api": days_ago(20)})

        assert self.unused(project(schedules=()), uses={"p": use}, tables={"p": tables("a")}) == set()

    @pytest.mark.parametrize(("known", "needs"), [({}, "queried tables"), (None, "queried tables")])
    def test_while_any_project_might_use_it_nothing_is_said(self, known, needs):
        audited = audit(world(viewed(), connections=(ONE,), tables=known))

        assert "unused_connection" not in audited.totals
        (blind,) = [one for one in audited.not_judged if one.kind == "unused_connection"]
        assert needs in blind.needs

    def test_without_the_connections_nothing_is_said(self):
        audited = audit(world(viewed(), connections=None, missing={"connections": "403 Forbidden"}))

        blind = {one.kind: one.why for one in audited.not_judged}
        assert "403 Forbidden" in blind["unused_connection"]
        assert "403 Forbidden" in blind["overlapping_connections"]


class TestOverlapping:
    def overlapping(self, *connections, **known):
        return audit(world(viewed(), connections=connections, **known))

    def test_the_less_used_of_two_to_one_target_is_named(self):
        audited = self.overlapping(ONE, TWO, tables={"p": tables("orders", connection="c2")})

        one = finding(audited, "overlapping_connections")
        assert one.subjects == ("c1", "c2")
        assert one.saving.rank == (0, 0, 0, 0)

    def test_what_runs_through_it_is_what_it_costs(self):
        both = {"p": (*tables("a"), *tables("a", connection="c2"))}

        one = finding(self.overlapping(ONE, TWO, tables=both), "overlapping_connections")

        assert one.cost.runs == pytest.approx(30.4375)

    @pytest.mark.parametrize(
        "other", [replace(TWO, target="db/billing"), replace(TWO, connection_type="mysql"), replace(TWO, target=None)]
    )
    def test_another_target_or_type_is_no_overlap(self, other):
        audited = self.overlapping(ONE, other)

        assert not [one for one in audited.findings if one.kind == "overlapping_connections"]

    @pytest.mark.parametrize("kind", ["postgres", "clickhouse", "trino"])
    def test_two_to_one_server_whose_databases_are_not_known_are_not_judged(self, kind):
        audited = self.overlapping(*(replace(one, connection_type=kind, target="db") for one in (ONE, TWO)))

        assert "overlapping_connections" not in audited.totals

    @pytest.mark.parametrize("kind", ["snowflake", "bigquery", "databricks"])
    def test_two_to_a_whole_account_lead_to_one_place(self, kind):
        audited = self.overlapping(*(replace(one, connection_type=kind, target="acme") for one in (ONE, TWO)))

        assert finding(audited, "overlapping_connections").subjects == ("c2", "c1")

    def test_where_no_target_is_told_it_is_not_judged(self):
        audited = self.overlapping(replace(ONE, target=None), replace(TWO, target=None))

        assert "overlapping_connections" not in audited.totals

    def test_where_some_are_told_those_are_judged(self):
        audited = self.overlapping(ONE, TWO, Connection(connection_id="c3"))

        assert finding(audited, "overlapping_connections").subject == "c2"
        assert any(one.kind == "overlapping_connections" and one.is_partial for one in audited.not_judged)


class TestColliding:
    def at_six(self, count, limit, **facts):
        many = [viewed(f"p{number}", title=f"P{number}", owner="ana@x.example", **facts) for number in range(count)]
        return world(
            *many,
            connections=(ONE,),
            connection_runs=limit,
            tables={one.project_id: tables(f"t{one.project_id}") for one in many},
        )

    def test_more_than_the_connection_bears(self):
        one = finding(audit(self.at_six(5, 3)), "colliding_schedules")

        assert (one.subject, one.subject_type) == ("c1", "connection")
        assert {fact.name: fact.value for fact in one.evidence} == {
            "limit": 3,
            "peak": 5,
            "peak after the moves": 3,
            "schedules that meet": 5,
        }
        assert [move.to_cron for move in one.moves] == ["1 6 * * *", "1 6 * * *"]
        assert {move.cron for move in one.moves} == {"0 6 * * *"}

    def test_as_many_as_it_bears(self):
        assert kinds(self.at_six(3, 3), "colliding_schedules") == set()

    def test_more_than_one_owner_has_kernels(self):
        one = finding(audit(self.at_six(26, None)), "colliding_schedules")

        assert (one.subject, one.subject_type, one.owner) == ("ana@x.example", "owner", "ana@x.example")
        assert len(one.moves) == 1

    def test_without_a_limit_of_connections_it_says_which_key_is_missing(self):
        audited = audit(self.at_six(5, None))

        assert not [one for one in audited.findings if one.kind == "colliding_schedules"]
        assert [one.needs for one in audited.not_judged if one.kind == "colliding_schedules"] == [
            "limits.connection_runs"
        ]

    @pytest.mark.parametrize("kind", ["colliding_schedules", "duplicate_projects"])
    def test_projects_whose_tables_are_not_read_are_no_reason_to_say_that_there_is_nothing(self, kind):
        known = self.at_six(5, 4)
        audited = audit(replace(known, tables=dict(list(known.tables.items())[:3])))

        assert [(one.is_partial, one.why) for one in audited.not_judged if one.kind == kind] == [
            (True, "what 2 projects query is not known")
        ]
        assert not [one for one in audit(known).not_judged if one.kind == kind]

    def test_one_after_the_other_do_not_collide(self):
        many = [
            viewed(f"p{number}", title=f"P{number}", schedules=(schedule(f"{number} 6 * * *"),)) for number in range(5)
        ]
        evidence = world(
            *many,
            connections=(ONE,),
            connection_runs=1,
            tables={one.project_id: tables(one.project_id) for one in many},
            uses={one.project_id: runs() for one in many},
        )

        assert kinds(evidence, "colliding_schedules") == set()

    def test_schedules_that_are_off_do_not_collide(self):
        assert kinds(self.at_six(5, 3, archived_ms=OLD_MS), "colliding_schedules") == set()
