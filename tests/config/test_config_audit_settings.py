"""The audit in a file, and the findings that somebody ignores."""

from datetime import date

import pytest

from exporter.config import Audit, Ignore
from exporter.facts import FINDING_KINDS, finding_kind_words

IGNORED = Ignore(kind="idle_paid_seat", subject="*@acme.example", reason="auditors", until=date(2027, 3, 31))


class TestIgnored:
    @pytest.mark.parametrize(
        ("kind", "subjects", "today", "is_ignored"),
        [
            ("idle_paid_seat", ("id-1", "Ann@ACME.example"), date(2027, 3, 31), True),
            ("idle_paid_seat", ("id-1", "Ann@ACME.example"), date(2027, 4, 1), False),
            ("costly_role", ("id-1", "ann@acme.example"), date(2027, 1, 1), False),
            ("idle_paid_seat", ("id-1", "ann@other.example"), date(2027, 1, 1), False),
            ("idle_paid_seat", (), date(2027, 1, 1), False),
        ],
    )
    def test_covers_its_kind_and_subject_to_its_last_day(self, kind, subjects, today, is_ignored):
        assert IGNORED.covers(kind, subjects, today) is is_ignored

    def test_without_an_end_covers_every_day(self):
        assert Ignore(kind="costly_plan", subject="*", reason="a").covers("costly_plan", ["x"], date(9999, 12, 31))

    @pytest.mark.parametrize("kind", FINDING_KINDS)
    def test_every_kind_can_be_ignored_by_its_label_and_as_it_is_printed(self, load, kind):
        for written in (kind, finding_kind_words(kind)):
            assert load(f"ignore: [{{kind: {written}, subject: a, reason: b}}]").ignore == (
                Ignore(kind=kind, subject="a", reason="b"),
            )


class TestReading:
    def test_a_file_sets_everything(self, load):
        config = load(
            "audit: {unused_after: 60d, failed_runs: 3, top: 5}\nlimits: {connection_runs: 4}\n"
            "ignore: [{kind: idle_paid_seat, subject: '*@acme.example', reason: auditors, until: 2027-03-31}]"
        )

        assert config.audit == Audit(unused_after_seconds=60 * 86_400, failed_runs=3, top=5)
        assert config.ignore == (IGNORED,)
        assert config.limits.connection_runs == 4


class TestMistakes:
    def test_an_unknown_kind_is_told_with_the_nearest(self, places):
        assert places("ignore:\n- {kind: idle_seat, subject: a, reason: b}") == ["2: ignore[0].kind"]

    @pytest.mark.parametrize("written", ["2027-13-01", "2027-02-30", "tomorrow", "2027-1-1", "5"])
    def test_an_end_is_a_day(self, places, written):
        assert places(f"ignore: [{{kind: costly_plan, subject: a, reason: b, until: {written}}}]") == [
            "1: ignore[0].until"
        ]

    def test_kind_subject_and_reason_are_required(self, places):
        assert places("ignore: [{}]") == ["1: ignore[0]"]

    def test_an_unknown_key_is_told_with_the_nearest(self, places):
        assert places("audit: {unused_afer: 3d}\nlimits: {connection_run: 3}") == ["1: audit", "2: limits"]
