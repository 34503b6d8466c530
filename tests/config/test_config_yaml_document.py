"""What is no readable YAML is refused with its line, and what is hostile costs nothing."""

import pytest

QUOTES = "text that begins with *, &, @, %, ! or ` stands in quotes"


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            (
                "week: [",
                "hex.yml:1: not YAML: while parsing a flow node, expected the node content, but found '<stream end>'",
            ),
            (
                "week:\n\ttimezone: UTC",
                "hex.yml:2: not YAML: while scanning for the next token, "
                "found character '\\t' that cannot start any token; indent with spaces",
            ),
            (
                "teams:\n- match: {owner: *@acme.example}",
                "hex.yml:2: not YAML: while scanning an alias, "
                f"expected alphabetic or numeric character, but found '@'; {QUOTES}",
            ),
            (
                "teams: *nobody",
                f"hex.yml:1: not YAML: found undefined alias 'nobody'; {QUOTES}",
            ),
            (
                "week: @home",
                "hex.yml:1: not YAML: while scanning for the next token, "
                f"found character '@' that cannot start any token; {QUOTES}",
            ),
            (
                "week: {}\n---\nlimits: {}",
                "hex.yml:2: not YAML: expected a single document in the stream, but found another document",
            ),
            ("week: 'x", "hex.yml:1: not YAML: while scanning a quoted scalar, found unexpected end of stream"),
            ("a: b: c", "hex.yml:1: not YAML: mapping values are not allowed here"),
            ('\n"\\U00110000": 1', "hex.yml:2: not YAML: an escape or a directive has an impossible number"),
            ("week: {}\nlimits: \x01", "hex.yml:2: found the character U+0001, which YAML does not allow"),
            ("week: \ud800", "hex.yml:1: found the character U+D800, which YAML does not allow"),
            (b"week: {}\nlimits: \xff", "hex.yml:2: found the byte 0xff, expected text in UTF-8"),
            ("week: {}".encode("utf-16"), "hex.yml:1: found the byte 0xff, expected text in UTF-8"),
            ("[" * 900, "hex.yml:1: not readable: lists or mappings are nested too deeply"),
        ],
    )
    def test_is_told_with_its_line(self, mistakes, text, expected):
        assert mistakes(text) == [expected]

    def test_objects_are_not_made(self, mistakes):
        (mistake,) = mistakes("week: !!python/object/apply:os.system [exit]")

        assert mistake == (
            "hex.yml:1: week: found the tag tag:yaml.org,2002:python/object/apply:os.system, "
            "expected a mapping or a list of mappings"
        )

    def test_aliases_that_unfold_without_end_cost_nothing(self, mistakes):
        levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))

        found = mistakes(f"a0: &a0 [lol]\n{levels}teams: *a29")

        assert "hex.yml:29: teams[9]: found a list, expected a mapping of name, match" in found
        assert len(found) == 30 + 10  # the keys that hold the anchors are unknown, and the list has ten items

    def test_a_mistake_repeated_by_aliases_is_told_once_and_ends_the_reading(self, mistakes):
        unknown = ", ".join(f"k{n}: 1" for n in range(50))
        text = f"teams:\n- &t {{{unknown}}}\n" + "- *t\n" * 5_000

        found = mistakes(text)

        assert found[-1] == "hex.yml: found too many mistakes, the rest of the file was not read"
        assert len(found) <= 101

    def test_an_alias_within_itself_is_refused(self, mistakes):
        assert mistakes("teams: &t [{name: a, match: *t}]") == [
            "hex.yml:1: teams[0].match: found a list, expected a mapping of workspace, project_id, title, owner, "
            "group, category, project_status, collection"
        ]
