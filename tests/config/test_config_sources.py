"""Sources in a file: what they mean, what their keys depend on, what is refused."""

import pytest

from exporter.config import FileSource, HttpSource, Match, Source, SqlSource
from exporter.facts import Project

ANY = Match(title="*")


def source(**kind):
    return Source(match=ANY, **kind)


def one(load, text):
    """The only source of a file that has nothing else."""
    (found,) = load(f"sources:\n- match: {{title: a}}\n  {text}").sources
    return found


class TestReading:
    def test_a_query_may_have_several_lines(self, load):
        found = one(load, "sql:\n    url_env: A\n    query: |\n      select max(at),\n      \tcount(*) from orders\n")

        assert found.sql == SqlSource(url_env="A", query="select max(at),\n\tcount(*) from orders")

    def test_tables_are_up_to_three_names(self, load):
        found = one(load, """sql: {url_file: /run/url, tables: [a, b.c, 'd.e.f', '"My Table".x', '`p-1.d`.t']}""")

        assert found.sql.tables == ("a", "b.c", "d.e.f", '"My Table".x', "`p-1.d`.t")

    def test_paths_are_taken_from_the_folder_of_the_file_whatever_its_name(self, load):
        text = "sources: [{match: {title: a}, file: {paths: ['*.csv', x/y.csv, /z.csv]}}]"

        (found,) = load(text, source="/etc/[a]*/hex.yml").sources

        assert found.file.paths == ("/etc/[[]a][*]/*.csv", "/etc/[[]a][*]/x/y.csv", "/z.csv")

    def test_plain_http_may_be_asked_without_a_secret(self, load):
        assert one(load, "http: {url: 'http://data.example/x'}").http.url == "http://data.example/x"

    def test_plain_http_to_this_machine_may_be_sent_one(self, load):
        found = one(load, "http: {url: 'http://127.0.0.1:8080/x', authorization_env: A}")

        assert found.http.authorization_env == "A"

    def test_the_first_that_fits_counts(self, load):
        config = load(
            "workspaces: [{name: acme, token_env: A}, {name: labs, token_env: B}]\n"
            "sources:\n- {match: {title: 'Orders*'}, file: {paths: [/a]}}\n"
            "- {match: {workspace: labs}, file: {paths: [/b]}}\n- {match: {title: '*'}, file: {paths: [/c]}}"
        )
        orders, other = Project(project_id="1", title="Orders today"), Project(project_id="2", title="Other")

        assert config.source_of("labs", orders) is config.sources[0]
        assert config.source_of("labs", other) is config.sources[1]
        assert config.source_of("acme", other) is config.sources[2]

    def test_a_project_that_fits_none_has_none(self, load):
        config = load("sources: [{match: {title: 'Orders*'}, file: {paths: [/a]}}]")

        assert config.source_of("acme", Project(project_id="2", title="Other")) is None


class TestKeys:
    def test_of_a_shared_source_are_the_same_for_every_project(self):
        found = source(file=FileSource(paths=("/a",)))

        assert not found.is_per_project
        assert found.key("1") == found.key("2")

    @pytest.mark.parametrize(
        "kind",
        [
            {"http": HttpSource(url="https://a.example/{project_id}")},
            {"sql": SqlSource(url_env="A", connection="Warehouse")},
        ],
    )
    def test_of_a_source_per_project_differ(self, kind):
        found = source(**kind)

        assert found.is_per_project
        assert found.key("1") != found.key("2")
        assert found.key("1") == found.key("1")

    def test_are_16_digits_that_no_restart_changes(self):
        found = source(sql=SqlSource(url_env="A", query="select 1"))

        assert found.key("1") == "55a984d9c43d8ad9"

    def test_depend_on_what_is_asked(self):
        requested = [
            {"sql": SqlSource(url_env="A", query="select 1")},
            {"sql": SqlSource(url_env="B", query="select 1")},
            {"sql": SqlSource(url_file="A", query="select 1")},
            {"sql": SqlSource(url_env="A", query="select 2")},
            {"sql": SqlSource(url_env="A", tables=("a", "b"))},
            {"sql": SqlSource(url_env="A", tables=("a.b",))},
            {"sql": SqlSource(url_env="A", connection="a")},
            {"http": HttpSource(url="https://a.example")},
            {"http": HttpSource(url="https://a.example", authorization_env="A")},
            {"file": FileSource(paths=("a", "b"))},
            {"file": FileSource(paths=("a",))},
        ]

        assert len({source(**kind).key("1") for kind in requested}) == len(requested)

    def test_do_not_depend_on_how_long_and_how_often_or_in_which_order_one_asks(self):
        patient = Source(
            match=ANY,
            name="x",
            sql=SqlSource(url_env="A", tables=("b", "a"), deadline_seconds=5),
            every_seconds=7,
        )

        assert patient.key("1") == source(sql=SqlSource(url_env="A", tables=("a", "b"))).key("1")


class TestNames:
    def test_are_kind_and_digits_unless_given(self):
        assert source(file=FileSource(paths=("/a",))).name == "file:6634ca"
        assert Source(match=ANY, name="orders", file=FileSource(paths=("/a",))).name == "orders"

    def test_say_nothing_of_the_address(self):
        name = source(http=HttpSource(url="https://data.example/?sig=SECRET")).name

        assert name.startswith("http:")
        assert len(name) == len("http:") + 6

    def test_are_given_once(self, places):
        text = "sources:\n- {name: a, match: {title: a}, file: {paths: [a]}}\n" * 1
        text += "- {name: a, match: {title: b}, file: {paths: [b]}}"

        assert places(text) == ["3: sources[1]"]

    def test_that_nobody_gave_may_be_the_same(self, load):
        text = "sources: [{match: {title: a}, file: {paths: [/x]}}, {match: {owner: b}, file: {paths: [/x]}}]"

        first, second = load(text).sources

        assert first.name == second.name


class TestMistakes:
    @pytest.mark.parametrize(
        ("written", "key"),
        [
            ("{}", "sources[0]"),
            ("{match: {title: a}}", "sources[0]"),
            (
                "{match: {}, file: {paths: [/a]}}",
                "sources[0]",
            ),
            (
                "{match: {title: a}, file: {paths: [/a]}, http: {url: 'https://a.example'}}",
                "sources[0]",
            ),
            (
                "{match: {title: a}, file: {paths: [/a]}, http: {url: 'https://a.example'}, "
                "sql: {url_env: A, query: b}}",
                "sources[0]",
            ),
            (
                "{match: {title: a}, sql: {query: a}}",
                "sources[0].sql",
            ),
            (
                "{match: {title: a}, sql: {url_env: A, url_file: b, query: c}}",
                "sources[0].sql",
            ),
            (
                "{match: {title: a}, sql: {url_env: A}}",
                "sources[0].sql",
            ),
            (
                "{match: {title: a}, sql: {url_env: A, query: b, connection: c}}",
                "sources[0].sql",
            ),
            (
                "{match: {title: a}, sql: {url_env: A, tables: []}}",
                "sources[0].sql.tables",
            ),
            (
                "{match: {title: a}, sql: {url_env: A, tables: orders}}",
                "sources[0].sql.tables",
            ),
            ("{match: {title: a}, sql: {url_env: A, query: ''}}",
             "sources[0].sql.query"),
            ("{match: {title: a}, sql: {url_env: A, query: \"a\\0\"}}",
             "sources[0].sql.query"),
            ("{match: {title: a}, file: {paths: []}}",
             "sources[0].file.paths"),
            ("{match: {title: a}, file: {paths: [5]}}",
             "sources[0].file.paths[0]"),
            ("{match: {title: a}, http: {}}",
             "sources[0].http"),
            (
                "{match: {title: a}, http: {url: 'https://a.example', authorization_env: A, authorization_file: b}}",
                "sources[0].http",
            ),
            (
                "{match: {title: a}, http: {url: 'http://a.example', authorization_file: b}}",
                "sources[0].http",
            ),
            ("{match: {title: a}, every: 5}",
             "sources[0].every"),
        ],
    )  # fmt: skip
    def test_are_reported_where_they_are(self, places, written, key):
        assert places(f"sources: [{written}]") == [f"1: {key}"]

    def test_an_unknown_key_is_told_with_the_nearest(self, places):
        assert places("sources:\n- match: {title: a}\n  sql:\n    url_env: A\n    querry: b\n    query: c") == [
            "5: sources[0].sql"
        ]

    @pytest.mark.parametrize("table", ["a;b", "a.b.c.d", "a..b", ".a", "a b", '"a', 'a"b"', "a--", "(select 1)", "'a'"])
    def test_what_is_no_table_is_refused_by_its_number(self, places, table):
        written = table.replace("'", "''")

        assert places(f"sources: [{{match: {{title: a}}, sql: {{url_env: A, tables: [a, '{written}']}}}}]") == [
            "1: sources[0].sql"
        ]

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("data.example", "the address does not begin with https://; write https://HOST/PATH"),
            ("ftp://data.example", "the address does not begin with https://; write https://HOST/PATH"),
            ("https://me:word@data.example", "the address has a user name; write the host only"),
            ("https://data.example/#x", "the address has a fragment, which is never sent; write it without"),
            ("https://data.example/{title}", "the address has braces; write none but in {project_id}"),
            ("https://{project_id}.example/", "the address cannot be read; write https://HOST/PATH"),
            ("https://", "the address cannot be read; write https://HOST/PATH"),
            ("https://a.example:0/", "the address cannot be read; write https://HOST/PATH"),
            ("https://[::1", "the address cannot be read; write https://HOST/PATH"),
            ("https://a.example/a b", "the address cannot be read; write https://HOST/PATH, odd characters as %XX"),
        ],
    )  # fmt: skip
    def test_what_is_no_address_is_refused(self, places, url, sentence):
        assert places(f"sources: [{{match: {{title: a}}, http: {{url: '{url}'}}}}]") == ["1: sources[0].http.url"]

    @pytest.mark.parametrize(
        "text",
        [
            "http: {url: 'https://me:SECRET@a.example'}",
            "http: {url: 'a.example?sig=SECRET'}",
            "http: {url: 'https://a.example/?sig=SECRET{x}'}",
            "http: {url: 'http://a.example/?sig=SECRET', authorization_env: A}",
            "http: {url: 'https://a.example', authorization_env: 'Bearer SECRET'}",
            "sql: {url_env: 'postgresql://me:SECRET@host/db', query: a}",
            "sql: {url: 'postgresql://me:SECRET@host/db'}",
        ],
    )
    def test_no_message_repeats_a_secret(self, mistakes, text):
        assert "quitesecret" not in "".join(mistakes(f"sources: [{{match: {{title: a}}, {text}}}]".replace(
            "SECRET", "quitesecret")))  # fmt: skip

    def test_what_is_impossible_in_a_file_is_impossible_in_code(self):
        with pytest.raises(ValueError, match="user name"):
            HttpSource(url="https://a:b@c.example")
        with pytest.raises(ValueError, match="paths is empty"):
            FileSource(paths=())
        with pytest.raises(ValueError, match="kind of source is missing"):
            Source(match=ANY)
