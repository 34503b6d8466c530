"""Reading invoices: whatever a spreadsheet makes of them, or a sentence that says what to do."""

from decimal import Decimal

import pytest

from exporter.reconcile import InvoiceError, InvoiceForm, parse_invoice, read_invoice
from exporter.reconcile.money_text import mark_of, money_of

PLAIN = "description,amount\nTeam plan: 40 editors,3000.00\nAdvanced compute,123.45\nAI credits,25\n"
LINES = [("seats", 3_000_000_000), ("compute", 123_450_000), ("ai_credits", 25_000_000)]


def parsed(text, **form):
    content = text if isinstance(text, bytes) else text.encode()
    return parse_invoice(content, InvoiceForm(**form), "invoice.csv")


def figures(text, **form):
    return [(line.part, line.micro_usd) for line in parsed(text, **form).lines]


def refused(text, **form):
    with pytest.raises(InvoiceError) as caught:
        parsed(text, **form)
    sentence = str(caught.value)
    assert sentence.startswith("invoice.csv")
    return sentence


class TestForms:
    @pytest.mark.parametrize(
        "content",
        [
            PLAIN.encode(),
            b"\xef\xbb\xbf" + PLAIN.encode(),
            PLAIN.encode("utf-16"),
            b"\xff\xfe" + PLAIN.encode("utf-16-le"),
            PLAIN.replace("\n", "\r\n").encode(),
            PLAIN.replace(",", ";").encode(),
            PLAIN.replace(",", "\t").encode(),
            PLAIN.replace(",", "|").encode(),
            ("\n\n" + PLAIN + "\n ,\n").encode(),
            PLAIN.replace("description,amount", " Description , AMOUNT ").encode(),
            PLAIN.replace(",", ";").replace(".", ",").encode(),
        ],
        ids=["plain", "bom", "utf16", "utf16le", "crlf", "semicolon", "tab", "bar", "empty-lines", "case", "german"],
    )
    def test_of_one_invoice_are_the_same(self, content):
        assert figures(content) == LINES

    def test_an_old_encoding(self):
        (line,) = parsed("description;amount\nGebühr für Plätze;10,00\n".encode("cp1252")).lines

        assert line.description == "Gebühr für Plätze"

    def test_cells_with_the_delimiter_and_line_ends_in_them(self):
        (line,) = parsed('description,amount\n"Team, 40\neditors","1,234.50"\n').lines

        assert (line.description, line.micro_usd) == ("Team, 40\neditors", 1_234_500_000)

    def test_columns_of_other_names(self):
        text = "Item;Net (USD);Note\nEditor seats;10;x\n"

        assert figures(text, columns={"description": "item", "amount": "Net (USD)"}) == [("seats", 10_000_000)]

    def test_a_component_column_says_what_a_line_is_for(self):
        assert figures("description,amount,component\nStuff,10,AI credits\nMore,5,\n") == [
            ("ai_credits", 10_000_000),
            ("other", 5_000_000),
        ]


class TestAmounts:
    @pytest.mark.parametrize(
        ("written", "cents"),
        [
            ("1,234.56", 123456),
            ("$1,234.56", 123456),
            ("USD 1,234.56", 123456),
            ("1,234.56 USD", 123456),
            ("1'234.56", 123456),
            ("1 234.56", 123456),
            ("1\u202f234.56", 123456),
            ("(1,234.56)", -123456),
            ("-1,234.56", -123456),
            ("\u2212$1,234.56", -123456),
            ("$-1,234.56", -123456),
            ("1,234.56-", -123456),
            ("0.5", 50),
            ("1,234,567.00", 123456700),
        ],
    )
    def test_as_people_write_them(self, written, cents):
        assert money_of(written, ".")[0] == Decimal(cents) / 100

    @pytest.mark.parametrize("written", ["", "n/a", "1.2.3", "12,34.50", "--5", "(-5)", "(5", "5)", "1e5", "٣", "0x10"])
    def test_what_is_none(self, written):
        assert money_of(written, ".") is None

    def test_commas_are_found_by_the_others(self):
        assert figures("description;amount\nSeats;1.234\nCompute;0,50\n") == [
            ("seats", 1_234_000_000),
            ("compute", 500_000),
        ]

    def test_what_may_be_read_in_two_ways_is_asked(self):
        text = 'description,amount\nSeats,"1,234"\n'

        assert "line 2: 1,234 may be 1234 or a thousandth of it; write --decimal" in refused(text)
        assert figures(text, mark=".") == [("seats", 1_234_000_000)]
        assert figures(text, mark=",") == [("seats", 1_234_000)]

    def test_both_ways_in_one_file(self):
        assert "write --decimal . or --decimal ," in refused('description,amount\nSeats,"1,50"\nCompute,1.50\n')

    def test_the_mark_of_none(self):
        assert mark_of(["5", "12"]) is None


class TestRefusals:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "is empty; export the invoice again"),
            (b"  \n\n", "is empty; export the invoice again"),
            (b"%PDF-1.7 ...", "is a PDF, not CSV; save the invoice as CSV"),
            (b"PK\x03\x04...", "is a spreadsheet or an archive, not CSV"),
            (b"<html><body>", "is HTML or XML, not CSV"),
            (b'{"a": 1}', "is JSON, not CSV"),
            (b"\x00\x01\x02\x03", "is not text, so not CSV"),
            (b"description,amount\n", "has no line below its header"),
            (b"description,amount\nTotal,5\n", "has no line below its header"),
            (b'description,amount\n"Seats,5\n', "close its quotation marks"),
            (b"description,amount\nSeats\n", "line 2: it has 1 cells and the header in line 1 has 2"),
            (b"description,amount\nSeats,1,234.50\n", "line 2: it has 3 cells and the header in line 1 has 2"),
            (b"description,amount\nSeats,many\n", "line 2: 'many' is not an amount; write it like 1234.50 or -12.00"),
            (b"description,amount\nSeats,\n", "line 2: '' is not an amount"),
            (b"description,amount,component\nSeats,5,seat\n", "line 2: 'seat' is not a component; write one of seats,"),
        ],
    )
    def test_say_what_to_do(self, content, sentence):
        assert sentence in refused(content)

    def test_columns_that_are_not_there_are_named_with_the_option(self):
        sentence = refused("Item,Net,Note\nSeats,5,x\n")

        assert "no column description and no column amount; its columns are: Item, Net, Note" in sentence
        assert "write --column description=NAME --column amount=NAME" in sentence

    def test_a_chosen_column_that_is_not_there(self):
        sentence = refused(PLAIN, columns={"amount": "Total"})

        assert "has no column 'Total'; its columns are: description, amount" in sentence

    def test_another_currency_needs_a_rate(self):
        text = "description,amount,currency\nSeats,92.00,EUR\n"

        assert "line 2: it is in EUR, and the ledger is in USD; write --rate EUR=RATE" in refused(text)
        assert figures(text, per_usd={"EUR": Decimal("0.92")}) == [("seats", 100_000_000)]
        assert "it is in EUR" in refused("description,amount\nSeats,€92.00\n")

    def test_two_currencies_of_one_line(self):
        assert "the amount is in EUR and the currency in USD" in refused(
            "description,amount,currency\nSeats,€92.00,USD\n"
        )

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(InvoiceError, match="cannot be read: No such file"):
            read_invoice(tmp_path / "none.csv", InvoiceForm())
        with pytest.raises(InvoiceError, match="cannot be read"):
            read_invoice(tmp_path, InvoiceForm())


class TestRemarks:
    def test_lines_that_are_there_twice(self):
        invoice = parsed("description,amount\nSeats,5.00\nCompute,1.00\nSeats,5.00\n")

        assert invoice.billed("seats") == 10_000_000
        (remark,) = invoice.remarks
        assert "line 4 is the same as line 2: both are added up" in remark

    def test_credits_are_taken_off(self):
        invoice = parsed("description,amount\nEditor seats,100\nUnused time of editor seats,-20.00\n")

        assert invoice.billed("seats") == 80_000_000
        (remark,) = invoice.remarks
        assert "credits of -20.00 USD (line 3) are taken off" in remark

    def test_lines_that_add_up_others_are_left_out_and_compared(self):
        right = parsed("description,amount\nEditor seats,100\nVAT,20\nSubtotal,100\nTotal,120\n")
        wrong = parsed("description,amount\nEditor seats,100\nTotal,130\n")

        assert [line.part for line in right.lines] == ["seats", "tax"]
        assert all("adds up others and is left out" in one and "it says" not in one for one in right.remarks)
        assert "it says 130.00 USD, and the lines add up to 100.00 USD" in wrong.remarks[0]


class TestParts:
    @pytest.mark.parametrize(
        ("description", "part"),
        [
            ("Team plan", "seats"),
            ("Editor seats (40)", "seats"),
            ("Explorer add-on", "seats"),
            ("Advanced compute: 4XL", "compute"),
            ("GPU hours", "compute"),
            ("AI credits top-up", "ai_credits"),
            ("Agent usage", "ai_credits"),
            ("Sales tax", "tax"),
            ("VAT 8.1 %", "tax"),
            ("Onboarding workshop", "other"),
        ],
    )
    def test_by_the_words_of_the_description(self, description, part):
        assert figures(f"description,amount\n{description},1\n")[0][0] == part

    def test_what_was_chosen_decides_before_the_words(self):
        text = "description,amount\nTeam plan,1\nOnboarding workshop,1\n"

        assert figures(text, parts=(("*WORKSHOP*", "seats"), ("team*", "other"))) == [
            ("other", 1_000_000),
            ("seats", 1_000_000),
        ]
