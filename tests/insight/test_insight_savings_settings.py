"""Findings from what projects are published with: compute profiles, caches, and queries that several have."""

from dataclasses import replace
from typing import Any

import pytest
from helpers.auditing import NOW_MS, OLD_MS, PRICES, project, runs, schedule, tables, world
from msgspec.structs import replace as priced

from exporter.facts import ExportedCell, ProjectVersion
from exporter.insight.savings.audit_input import Amount, ProjectUse, SourceUse
from exporter.insight.savings.finding import MONTH_MS, Finding
from exporter.insight.savings.ranking import audit
from exporter.insight.tariffs import tariff

DAY_MS = 86_400_000
MONTHS_OF_WINDOW = MONTH_MS / (28 * DAY_MS)
MINUTE = tariff(priced(PRICES, run_micro_usd=None, warehouse_minute_micro_usd=10_000))
HOUR_OF_RUNS = runs(28, longest_ms=60_000)
"""28 runs of a minute each."""


def sql(source: str | None = "q", connection_id: str = "c1", **facts: Any) -> ExportedCell:
    given = {"queries": True, "source": source, "connection_id": connection_id}
    return ExportedCell(cell_id="1", cell_type="sql", **(given | facts))


CODE = ExportedCell(cell_id="2", cell_type="code", queries=False)
IMPORT = ExportedCell(cell_id="3", cell_type="component_import", queries=False, component_id="k")


def version(*cells: ExportedCell, **facts: Any) -> ProjectVersion:
    return ProjectVersion(project_id="p", version="1", cells=cells, **facts)


def viewed(project_id: str = "p", **facts: Any) -> Any:
    """A project that people view, so that it is a finding of no other kind."""
    return project(project_id, **{"views_30d": 300, "viewed_ms": NOW_MS - DAY_MS, **facts})


def found(kind: str, evidence: Any) -> list[Finding]:
    return [one for one in audit(evidence).findings if one.kind == kind]


class TestPaidCompute:
    def on(self, profile: str | None, *cells: ExportedCell, use: ProjectUse = HOUR_OF_RUNS, **known: Any) -> Any:
        profiles = {} if profile is None else {"p": profile}
        return world(viewed(), uses={"p": use}, settings={"p": version(*cells)}, profiles=profiles, **known)

    def test_sql_needs_no_paid_compute_and_saves_all_of_its_price(self) -> None:
        (one,) = found("sql_on_paid_compute", self.on("4xl", sql()))

        hours = 28 / 60 * MONTHS_OF_WINDOW
        assert one.saving.micro == pytest.approx(hours * 2_580_000, abs=2)
        assert (one.saving.money("estimate"), one.saving.runs, one.saving.ms) == (0, 0, 0)
        assert "medium" in one.action

    def test_it_counts_every_run_whatever_started_it(self) -> None:
        use = ProjectUse(by={("api", "completed"): Amount(10, 3_600_000)})

        (one,) = found("sql_on_paid_compute", self.on("large", sql(), use=use))

        assert one.saving.micro == pytest.approx(320_000 * MONTHS_OF_WINDOW, abs=2)

    @pytest.mark.parametrize("profile", ["xs", "small", "medium", None])
    def test_included_or_unknown_profiles_are_no_finding(self, profile: str | None) -> None:
        assert found("sql_on_paid_compute", self.on(profile, sql())) == []

    @pytest.mark.parametrize(
        "cells",
        [
            (sql(), CODE),
            (sql(), IMPORT),
            (CODE,),
            (),
            (sql(), sql(queries=False)),
            (sql(queries=None),),
            (sql(), ExportedCell(cell_id="4", cell_type="agent")),
        ],
    )
    def test_what_computes_otherwise_is_not_sql_only(self, cells: Any) -> None:
        assert found("sql_on_paid_compute", self.on("large", *cells)) == []

    def test_a_profile_without_a_price_is_named(self) -> None:
        audited = audit(self.on("8xl", sql()))

        blind = {(one.kind, one.why) for one in audited.not_judged if one.is_partial}
        assert ("sql_on_paid_compute", "no price for profile 8xl") in blind
        assert [one for one in audited.findings if one.kind.endswith("compute")] == []

    @pytest.mark.parametrize(
        ("profile", "longest_minutes", "is_found"),
        [("large", 5.0, True), ("large", 5.1, False), ("4xl", 0.6, True), ("4xl", 1.0, False), ("medium", 0.1, False)],
    )
    def test_a_run_that_a_smaller_profile_would_end_in_time_needs_no_larger(
        self, profile: str, longest_minutes: float, is_found: bool
    ) -> None:
        use = runs(28, longest_ms=int(longest_minutes * 60_000))

        assert bool(found("oversized_compute", self.on(profile, sql(), CODE, use=use))) is is_found

    def test_a_gpu_has_no_smaller_size(self) -> None:
        assert found("oversized_compute", self.on("l4", CODE)) == []

    def test_few_completed_runs_show_nothing(self) -> None:
        assert found("oversized_compute", self.on("large", CODE, use=runs(4, 24, longest_ms=1_000))) == []

    def test_it_goes_to_the_profile_that_saves_most_at_the_longest_time(self) -> None:
        """Twice the time at half the price saves nothing: only an included profile does."""
        (one,) = found("oversized_compute", self.on("xl", CODE, use=runs(28, longest_ms=60_000)))

        assert "medium" in one.action
        assert one.saving.micro == pytest.approx(28 / 60 * 650_000 * MONTHS_OF_WINDOW, abs=2)

    def test_a_run_that_is_not_needed_at_all_is_counted_once(self) -> None:
        unseen = project(views_30d=0)
        evidence = self.on("4xl", sql(), compute_hour_micro={"p": 2_580_000})

        audited = audit(replace(evidence, projects=(unseen,)))

        by_kind = {one.kind: one for one in audited.findings}
        assert by_kind["sql_on_paid_compute"].counted_by == ("abandoned_project", "p")
        assert audited.saving.micro == by_kind["abandoned_project"].saving.micro


class TestUncachedApps:
    def of(self, views: int = 300, **known: Any) -> Any:
        facts = version(CODE, auto_rerun_app=True, cache_published_app=False)
        return world(viewed(views_30d=views), settings={"p": facts}, tariff=MINUTE, **known)

    def test_it_is_priced_by_views_and_usual_run_time_as_an_estimate(self) -> None:
        (one,) = found("uncached_app", self.of(compute_hour_micro={"p": 600_000}))

        views = 300 * MONTH_MS / (30 * DAY_MS)
        assert one.saving.micro == pytest.approx(views * (10_000 + 600_000 / 60), rel=1e-6)
        assert one.saving.money("billed") == 0
        assert one.counted == one.saving
        assert one.confidence == "estimated"

    @pytest.mark.parametrize(
        "facts",
        [
            {"auto_rerun_app": True, "cache_published_app": True},
            {"auto_rerun_app": False, "cache_published_app": False},
            {"auto_rerun_app": True, "cache_published_app": None},
            {"auto_rerun_app": None, "cache_published_app": False},
        ],
    )
    def test_a_kept_result_or_a_setting_that_is_not_known_is_none(self, facts: Any) -> None:
        assert found("uncached_app", replace(self.of(), settings={"p": version(CODE, **facts)})) == []

    def test_who_comes_once_a_month_may_wait_for_a_run(self) -> None:
        assert found("uncached_app", self.of(views=1)) == []


class TestQueryCaches:
    def of(self, *cells: ExportedCell, **facts: Any) -> Any:
        return world(viewed(), settings={"p": version(*cells, **facts)}, tariff=MINUTE)

    @pytest.mark.parametrize("facts", [{"published_cache": "disabled"}, {"logic_cache": "disabled"}])
    def test_one_that_is_off_is_found_without_a_price(self, facts: Any) -> None:
        (one,) = found("query_cache_off", self.of(sql(), **facts))

        assert one.saving.micro is None

    def test_runs_that_repeated_an_unchanged_source_price_it(self) -> None:
        source = SourceUse("sql:1", OLD_MS, NOW_MS, changes=400, checked_runs=20, unchanged_runs=5)
        evidence = replace(self.of(sql(), published_cache="disabled"), sources={"p": source})

        (one,) = found("query_cache_off", evidence)

        assert one.saving.micro == pytest.approx(28 / 4 * 10_000 * MONTHS_OF_WINDOW, abs=2)
        assert one.saving.money("billed") == 0

    @pytest.mark.parametrize(
        ("cells", "cache"),
        [((sql(),), "60"), ((sql(),), None), ((CODE,), "disabled"), ((sql(queries=None),), "disabled")],
    )
    def test_a_short_time_an_unknown_one_or_no_query_is_none(self, cells: Any, cache: str | None) -> None:
        assert found("query_cache_off", self.of(*cells, published_cache=cache)) == []


class TestRepeatedQueries:
    def of(self, settings: Any, *projects: Any, **known: Any) -> Any:
        listed = projects or tuple(viewed(one) for one in settings)
        return world(*listed, settings=settings, tariff=MINUTE, **known)

    def test_the_same_sql_on_one_connection_is_found_once_for_all_that_share_it(self) -> None:
        (one,) = found(
            "repeated_queries",
            self.of(
                {"a": version(sql("q"), sql("r"), sql("x")), "b": version(sql("q"), sql("r")), "c": version(sql("z"))}
            ),
        )

        assert (one.subject, set(one.subjects[1:])) == ("q", {"a", "b"})
        # Of the two that run alike, the first keeps querying; all queries of the other are the same.
        assert one.saving.micro == pytest.approx(28 * 10_000 * MONTHS_OF_WINDOW, abs=2)
        assert one.saving.money("billed") == 0

    def test_a_component_in_several_projects_is_one(self) -> None:
        (one,) = found("repeated_queries", self.of({"a": version(sql("q"), IMPORT), "b": version(IMPORT, CODE)}))

        assert one.subject == "k"

    @pytest.mark.parametrize(
        "other",
        [sql("other"), sql("q", "c2"), sql(None), sql("q", queries=False)],
        ids=("sql", "where", "input", "frame"),
    )
    def test_other_sql_another_connection_an_input_or_a_frame_is_none(self, other: ExportedCell) -> None:
        first = version(replace(other, source=other.source and "q", connection_id="c1"))

        assert found("repeated_queries", self.of({"a": first, "b": version(other)})) == []

    def test_a_project_without_a_schedule_repeats_nothing_by_itself(self) -> None:
        settings = {"a": version(sql()), "b": version(sql())}
        manual = viewed("b", schedules=(schedule(enabled=False),))

        assert found("repeated_queries", self.of(settings, viewed("a"), manual)) == []

    def test_a_copy_is_a_finding_of_its_own(self) -> None:
        settings = {"a": version(sql()), "b": version(sql())}
        pair = (viewed("a", title="Sales"), viewed("b", title="Sales (copy)", created_ms=OLD_MS + 1))

        evidence = self.of(settings, *pair, tables={"a": tables("t", "u"), "b": tables("t", "u")})

        assert found("duplicate_projects", evidence) != []
        assert found("repeated_queries", evidence) == []


class TestUnknownSettings:
    KINDS = ("sql_on_paid_compute", "oversized_compute", "uncached_app", "query_cache_off", "repeated_queries")

    def test_without_exports_no_kind_is_judged(self) -> None:
        audited = audit(world(viewed(), missing={"exports": "collect.exports is off"}))

        blind = {one.kind: one for one in audited.not_judged}
        for kind in self.KINDS:
            assert kind not in audited.totals
            assert blind[kind].why == "the settings of projects are not known (collect.exports is off)"
            assert "collect.exports: true" in blind[kind].needs

    def test_what_is_known_is_judged_and_the_rest_counted(self) -> None:
        audited = audit(world(viewed("a"), viewed("b"), settings={"a": version(sql())}))

        for kind in self.KINDS:
            assert audited.totals[kind].findings == 0
        whys = {one.why for one in audited.not_judged if one.kind in self.KINDS}
        assert whys == {"the settings of 1 of 2 published projects are not known"}
