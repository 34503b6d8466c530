"""Titles are what anybody typed: nothing in them may steer a terminal, a page or a spreadsheet."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from exporter.report.escaping import for_markdown, for_spreadsheet, for_terminal

ANY = st.text(st.characters(), max_size=40)


@given(ANY)
@settings(max_examples=200)
def test_a_terminal_gets_one_line_of_what_can_be_shown(text: str) -> None:
    shown = for_terminal(text)

    assert shown.isprintable()
    shown.encode()  # no lone surrogate


def test_a_terminal_gets_no_escape_and_no_turned_text() -> None:
    assert for_terminal("\x1b[2Jrm\u202e-rf\nnext") == "\ufffd[2Jrm\ufffd-rf next"
    assert for_terminal("Umsatz für März ✓") == "Umsatz für März ✓"


def test_markdown_has_no_markup() -> None:
    assert for_markdown("a | b") == r"a \| b"
    assert for_markdown("[x](javascript:1) <b> `c` **d**") == r"\[x\](javascript:1) \<b\> \`c\` \*\*d\*\*"
    assert for_markdown("two\nlines") == "two lines"
    # Underscores within a word are no markup, and names are full of them.
    assert for_markdown("app_refresh _x_") == r"app_refresh \_x\_"


@given(ANY)
@settings(max_examples=200)
def test_a_markdown_cell_stays_one_cell(text: str) -> None:
    cell = for_markdown(text)

    assert "\n" not in cell
    bars = cell.replace("\\\\", "").replace("\\|", "")
    assert "|" not in bars


@given(st.sampled_from("=+-@"), ANY)
@settings(max_examples=100)
def test_no_spreadsheet_takes_it_for_a_formula(first: str, rest: str) -> None:
    assert for_spreadsheet(first + rest).startswith("'")


def test_plain_cells_stay_as_they_are() -> None:
    for plain in ("Orders", "5 - 3", "a@b.example", "", "'quoted"):
        assert for_spreadsheet(plain) == plain


@given(ANY)
@settings(max_examples=50)
def test_what_a_terminal_gets_has_no_control_left_for_rich_to_print(text: str) -> None:
    console = Console(record=True, width=500, file=None, force_terminal=False)
    with console.capture() as captured:
        console.print(for_terminal(text), markup=False, highlight=False)

    assert "\x1b" not in captured.get()
