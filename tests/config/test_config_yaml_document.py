"""What is no readable YAML is refused with its line, and what is hostile costs nothing."""

import pytest

QUOTES = "text that begins with *, &, @, %, ! or ` stands in quotes"


class TestSyntax:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("week: [", "hex.yml:1: not YAML: a [ or { is not closed; close it"),
            ("week:\n\ttimezone: UTC", "hex.yml:2: not YAML: a tab stands where YAML wants spaces; indent with spaces"),
            (
                "teams:\n- match: {owner: *@acme.example}",
                "hex.yml:2: not YAML: text that begins with * stands in quotes",
            ),
            ("teams: *nobody", "hex.yml:1: not YAML: text that begins with * stands in quotes"),
            ("week: @home", f"hex.yml:1: not YAML: {QUOTES}"),
            (
                "week: {}\n---\nlimits: {}",
                "hex.yml:2: not YAML: a second document begins with ---; keep one document in a file",
            ),
            ("week: 'x", "hex.yml:1: not YAML: a quote is not closed; close it"),
            (
                "a: b: c",
                "hex.yml:1: not YAML: a colon within text; put the text in quotes, or correct the indentation",
            ),
            (
                '\n"\\U00110000": 1',
                "hex.yml:2: not YAML: an escape or a directive has an impossible number; correct it",
            ),
            ("week: {}\nlimits: \x01", "hex.yml:2: YAML does not allow the character U+0001; remove it"),
            ("week: \ud800", "hex.yml:1: YAML does not allow the character U+D800; remove it"),
            (b"week: {}\nlimits: \xff", "hex.yml:2: the byte 0xff is not UTF-8; save the file as UTF-8"),
            ("week: {}".encode("utf-16"), "hex.yml:1: the byte 0xff is not UTF-8; save the file as UTF-8"),
            ("[" * 900, "hex.yml:1: lists or mappings are nested too deeply; write fewer levels"),
        ],
    )
    def test_is_told_with_its_line(self, mistakes, text, expected):
        assert mistakes(text) == [expected]

    def test_objects_are_not_made(self, mistakes):
        (mistake,) = mistakes("week: !!python/object/apply:os.system [exit]")

        assert mistake == (
            "hex.yml:1: week: the tag tag:yaml.org,2002:python/object/apply:os.system is not valid; "
            "write a mapping or a list of mappings"
        )

    def test_aliases_that_unfold_without_end_cost_nothing(self, mistakes):
        levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))

        found = mistakes(f"a0: &a0 [lol]\n{levels}teams: *a29")

        assert "hex.yml:29: teams[9]: a list is not valid; write a mapping of name, match" in found
        assert len(found) == 30 + 10  # the keys that hold the anchors are unknown, and the list has ten items

    def test_a_mistake_repeated_by_aliases_is_told_once_and_ends_the_reading(self, mistakes):
        unknown = ", ".join(f"k{n}: 1" for n in range(50))
        text = f"teams:\n- &t {{{unknown}}}\n" + "- *t\n" * 5_000

        found = mistakes(text)

        assert found[-1] == "hex.yml: too many mistakes; correct these first, the rest of the file was not read"
        assert len(found) <= 101

    def test_an_alias_within_itself_is_refused(self, places):
        assert places("teams: &t [{name: a, match: *t}]") == ["1: teams[0].match"]
