"""What check says of sources, and of findings that are ignored."""

import re
import sqlite3
from contextlib import closing

import pytest
from checking import notes, wrong


class TestSources:
    @pytest.mark.slow
    def test_that_can_be_asked_are_counted(self, check, tmp_path):
        (tmp_path / "rates.csv").write_text("a")

        status, output = check(
            "sources:\n- {match: {title: '*'}, file: {paths: ['*.csv']}}\n"
            "- {match: {title: 'x*'}, name: far, sql: {url_env: D, query: select 1}}\n"
            "- {match: {title: 'x*'}, http: {url: 'https://a.example', authorization_env: H}}",
            environ={"D": "sqlite:////data/x.db", "H": "Bearer secret"},
        )

        assert status == 0
        assert "knows  the source of 12 of 12 projects" in output
        assert "source far applies to no project: none matches, or an earlier source has them all" in notes(output)
        assert "secret" not in output

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("source", "environ", "sentence"),
        [
            ("sql: {url_env: D, query: a}", {}, "the environment variable D is empty or not set"),
            ("sql: {url_file: none, query: a}", {}, "the file {folder}/none cannot be read: No such file or directory"),
            ("sql: {url_env: D, query: a}", {"D": "hidden"}, "the database URL cannot be read, expected "
             "DIALECT://USER:PASSWORD@HOST/DATABASE"),
            ("sql: {url_env: D, query: a}", {"D": "snowflake://u:hidden@a"}, "no driver for snowflake is installed: "
             "in a checkout, pip install '.[snowflake]'"),
            ("sql: {url_env: D, query: a}", {"D": "nosuch://u:hidden@a"}, "no driver for nosuch is installed, expected "
             "its SQLAlchemy dialect and driver beside hex-exporter"),
            ("http: {url: 'https://a.example', authorization_env: H}", {}, "the environment variable H is empty or "
             "not set"),
            ("file: {paths: [none.csv, '*.none']}", {}, "no file matches {folder}/none.csv"),
        ],
    )  # fmt: skip
    def test_that_cannot_be_asked_are_wrong(self, check, tmp_path, source, environ, sentence):
        status, output = check(f"sources: [{{name: a, match: {{title: '*'}}, {source}}}]", environ=environ)

        assert status == 1
        assert wrong(output) == [f"source a: {sentence.format(folder=tmp_path)}"]
        assert "hidden" not in output
        assert "Nothing is wrong" not in output

    @pytest.mark.slow
    def test_are_probed_with_the_digest_of_the_rows_and_the_time(self, check, tmp_path):
        with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
            database.execute("create table orders (id integer)")
            database.execute("insert into orders values (1)")
            database.commit()
        source = "sources: [{name: orders, match: {title: '*'}, sql: {url_env: D, query: select max(id) from orders}}]"
        environ = {"D": f"sqlite:///{tmp_path / 'orders.db'}"}

        status, output = check(source, environ=environ)
        first = re.search(r"^asks   source orders of \d+ projects: state ([0-9a-f]{32}) in \d+\.\d\d s$", output, re.M)
        with closing(sqlite3.connect(tmp_path / "orders.db")) as database:
            database.execute("insert into orders values (2)")
            database.commit()
        _, later = check(source, environ=environ)

        assert status == 0
        assert first
        assert f"state {first[1]}" not in later

    @pytest.mark.slow
    def test_that_answer_with_an_error_are_wrong(self, check, tmp_path):
        (tmp_path / "orders.db").touch()

        status, output = check(
            "sources: [{name: orders, match: {title: '*'}, sql: {url_env: D, query: select 1 from nosuch}}]",
            environ={"D": f"sqlite:///{tmp_path / 'orders.db'}"},
        )

        assert status == 1
        [sentence] = wrong(output)
        assert sentence.startswith("source orders cannot be probed: ")
        assert "Nothing is wrong" not in output

    def test_offline_nothing_is_queried(self, check):
        check.fault("500")

        status, output = check(
            "sources: [{name: a, match: {title: '*'}, http: {url: 'https://a.example'}}]\n"
            "warehouses: [{name: snow, kind: snowflake, url_env: SNOW}]",
            is_offline=True,
        )

        assert status == 0
        assert "source a: not queried (--offline)" in output
        assert "warehouse snow: not queried (--offline)" in output
        assert "workspace w: not queried (--offline)" in output

    @pytest.mark.slow
    def test_that_need_tables_which_nobody_collects_are_wrong(self, check):
        status, output = check(
            "sources: [{name: a, match: {title: '*'}, sql: {url_env: D, connection: 'W*'}}]\n"
            "collect: {queried_tables: false}",
            environ={"D": "sqlite:////x.db"},
        )

        assert status == 1
        assert wrong(output) == [
            "source a needs collect.queried_tables, which is false: its tables come from there"
        ]  # fmt: skip


class TestIgnored:
    @pytest.mark.slow
    def test_that_is_over_or_matches_nothing_is_noted(self, check):
        _, output = check(
            "ignore:\n- {kind: idle_paid_seat, subject: '*', reason: a, until: 2020-01-31}\n"
            "- {kind: abandoned_project, subject: 'no such title', reason: b}\n"
            "- {kind: abandoned_project, subject: '*', reason: c}\n"
        )

        assert [line for line in notes(output) if line.startswith("ignore")] == [
            "ignore[0] (idle paid seat '*') is over since 2020-01-31: write a later until, or remove it",
            "ignore[1] (abandoned project) matches no project, person or connection: correct its subject "
            "'no such title', or remove it",
        ]
