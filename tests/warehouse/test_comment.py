"""What a query's comment says, and that what cannot be read is never guessed."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from exporter.warehouse import Comment, parse_comment

FIELDS = {
    "categories": ["a, b"],
    "cell_type": "SQL",
    "connection": "Snowflake (prod)",
    "context": "SCHEDULED_RUN",
    "project_id": "0195-abc",
    "project_name": 'The "best" -- of {all}',
    "project_url": "https://app.hex.tech/acme/hex/0195-abc/draft/logic?selectedCellId=cell-1",
    "trace_id": "0" * 32,
    "user_email": "someone@example.com",
}
READ = Comment("0195-abc", "scheduled_run", "cell-1", "Snowflake (prod)")


def comment(**changes: object) -> str:
    return "-- Hex query metadata: " + json.dumps({**FIELDS, **changes})


@pytest.mark.parametrize(
    "text",
    [
        f"select 1\n{comment()}",
        f"{comment()}\nselect 1",
        f"select 1\n{comment()};\n",
        f"select 1\n/* {comment()[3:]} */",
        f"-- mine\n{comment()}\nselect 1",
        f"{comment()}\nselect 1\n{comment()}",
        f"select '{comment(project_id='other')}' as said, 1\n{comment()}",
        f"select '-- Hex query metadata: {{broken'\nfrom t\n{comment()}",
        f"t 'cut within a literal\n{comment()}",
        f"select 1\n{comment(new_key={'deep': [1, {'x': None}]})}",
    ],
)
def test_a_comment_first_or_last_is_read(text: str) -> None:
    assert parse_comment(text) == READ


def test_a_marker_within_a_name_of_the_comment_is_no_second_comment() -> None:
    assert parse_comment(f"select 1\n{comment(project_name=comment(project_id='other'))}") == READ


@pytest.mark.parametrize(
    "text",
    [
        "",
        "select 1",
        f"select 1\n{comment()[:-20]}",
        "select 1\n-- Hex query metadata: {'project_id': 'a'}",
        "select 1\n-- Hex query metadata: [1, 2]",
        "select 1\n-- Hex query metadata: " + "[" * 4000,
        f"{comment()}\nselect 1\n{comment(project_id='other')}",
        f"{comment()}\nselect 1\n{comment()[:-2]}",
        f"select 1\n{comment(project_id='select secret from t')}",
        f"select 1\n{comment(project_id=None)}",
        f"select 1\n{comment()}\nfrom t",
        'select 1\n-- Hex query metadata: {"project_id": "a", "project_id": "b"}',
        comment()[3:],
    ],
)
def test_what_cannot_be_read_is_not_guessed(text: str) -> None:
    assert parse_comment(text) is None


def test_a_context_that_is_no_word_is_unknown_and_a_cell_that_is_no_id_is_none() -> None:
    found = parse_comment("\n" + comment(context="drop table x; --", project_url="http://[bad?selectedCellId=a"))
    assert found == READ._replace(context="unknown", cell_id="")
    assert parse_comment(comment(project_url="?selectedCellId=a&selectedCellId=b")) == READ._replace(cell_id="")


SECRET = "from_secret_table"
PIECES = st.sampled_from(
    [
        SECRET,
        comment(),
        comment()[:40],
        '"}',
        comment()[:-9],
        "-- ",
        "/* Hex query metadata: ",
        "{",
        '"',
        "'",
        "\n",
        "*/",
        ";",
    ]
)


@given(st.lists(st.one_of(PIECES, st.text(max_size=8)), max_size=9).map("".join))
@example("-- Hex query metadata: " + '{"project_id": ' * 500)
def test_no_text_raises_or_gets_into_an_id(text: str) -> None:
    found = parse_comment(text)
    assert found is None or found.project_id == FIELDS["project_id"]
    assert SECRET not in repr(found)
