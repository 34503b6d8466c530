"""JSON with one reading: what is refused, and that nothing is lost or confused."""

import json
import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from exporter.strict_json import (
    DEPTH_LIMIT,
    VALUES_LIMIT,
    JsonError,
    Number,
    canonical,
    plain,
    read,
    written,
)

NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0, 0.0, -0.0, 1, 1.0, 10**400, -(10**400), 2**53, 2**53 + 1, 5e-324])
)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(st.characters(), max_size=6)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


def canon(text: str) -> bytes:
    return canonical(read(text.encode()))


def is_same(one: Any, other: Any) -> bool:
    """Equal as JSON: numbers by quantity, and true is no 1."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, int | Decimal) and isinstance(other, int | Decimal):
        return Fraction(one) == Fraction(other)
    return type(one) is type(other) and bool(one == other)


class TestRefused:
    @pytest.mark.parametrize(
        "text",
        [
            b"",
            b"{",
            b"{}x",
            b"{} {}",
            b"{'a':1}",
            b'{"a":1,}',
            b"[1,]",
            b"01",
            b"+1",
            b".5",
            b"1.",
            b"0x10",
            b"1e",
            b"1_000",
            b"NaN",
            b"[Infinity]",
            b'{"a":-Infinity}',
            b'{"a":1,"a":1}',
            b'{"b":{"a":1,"\\u0061":2}}',
            b"\xef\xbb\xbf{}",
            b"\xff\xfe{\x00}\x00",
            b'"\xff"',
            b'"\xed\xa0\x80"',
            b'"\xc0\xaf"',
            b'"a\nb"',
            b'"\\x41"',
            b"\x0c{}",
            "\u00a0{}".encode(),
            b"{}\x00",
            b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1),
            b"[" * 500_000,
            b'{"a":' * 200_000,
            b"[" + b"1," * VALUES_LIMIT + b"1]",
            b"[" + b"[]," * VALUES_LIMIT + b"1]",
            b'{"a":["' + b'\\"' * 400_000,
            b"1" * 1001,
            b"1e" + b"9" * 1001,
            b"true false",
            b"// x\n{}",
        ],
    )
    def test_what_has_no_reading_or_two(self, text: bytes) -> None:
        with pytest.raises(JsonError) as refused:
            read(text)

        assert len(str(refused.value)) < 100

    def test_what_is_just_allowed_is_read(self) -> None:
        deepest = b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT

        assert written(read(deepest)) == deepest
        assert written(read(b"9" * 1000)) == b"9" * 1000
        most = b"[" + b"1," * (VALUES_LIMIT - 3) + b"1]"
        assert written(read(most)) == most
        text = b'{"a":"' + b"1,[{" * VALUES_LIMIT + b'","b":1}'
        assert written(read(text)) == text


class TestWritten:
    def test_numbers_and_the_order_of_keys_stay_as_they_came(self) -> None:
        text = b'{"b":1.50,"a":[1E+2,-0.0,100000000000000000000000001,1e400],"c":"\\u00e9\\ud800"}'

        assert written(read(text)) == text

    @given(value=VALUES)
    @settings(max_examples=150, deadline=None)
    def test_it_reads_as_the_same(self, value: Any) -> None:
        text = written(read(json.dumps(value).encode()))

        assert is_same(*(json.loads(form, parse_float=Decimal) for form in (text, json.dumps(value))))
        assert text.isascii()

    @pytest.mark.parametrize("value", [True, False, 3, -2.5, 1e300, "x\ud800"])
    def test_a_value_of_pythons_can_be_put_in(self, value: Any) -> None:
        assert written(plain(value)) == json.dumps(value).encode()

    @pytest.mark.parametrize("value", [math.nan, math.inf])
    def test_but_none_that_json_lacks(self, value: float) -> None:
        with pytest.raises(ValueError):
            plain(value)


class TestCanonical:
    @pytest.mark.parametrize(
        "same",
        [
            ["1", "1.0", "1e0", "1E0", "10e-1", "0.1e+1", "1.000e00"],
            ["0", "-0", "-0.0", "0e5", "0.000e-999"],
            ["100", "1e2", "1E+02", "100.00"],
            ["-12.5", "-125e-1", "-0.125E2"],
            ["1" + "0" * 400, "1e400", "10e399"],
            ['{"a":1,"b":2}', '{ "b" : 2.0 , "a" : 1 }'],
            ['"\u00e9"', '"\\u00e9"', '"\\u00E9"'],
            ['"/"', '"\\/"'],
        ],
    )
    def test_the_form_does_not_matter(self, same: list[str]) -> None:
        assert len({canon(text) for text in same}) == 1

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("1", "true"),
            ("0", "false"),
            ("0", "null"),
            ("1", '"1"'),
            ("1", "-1"),
            ("1", "10"),
            ("9007199254740992", "9007199254740993"),
            ("1e400", "1e401"),
            ("0.1", "0.10000000000000000001"),
            ("[1,2]", "[2,1]"),
            ("[]", "{}"),
            ("[[1],2]", "[[1,2]]"),
            ('{"a":null}', "{}"),
            ('["a,b"]', '["a","b"]'),
            ('"\u00e9"', '"e\u0301"'),
            ('"\\ud83d\\ude00"', '"\\ude00\\ud83d"'),
        ],
    )
    def test_what_means_something_else_is_another_text(self, one: str, other: str) -> None:
        assert canon(one) != canon(other)

    @pytest.mark.slow
    @given(one=VALUES, other=VALUES)
    @example(one=[1, True], other=[True, 1])
    @example(one=0.1, other=0.1 + 2**-56)
    @settings(max_examples=300, deadline=None)
    def test_texts_are_equal_exactly_if_the_values_are(self, one: Any, other: Any) -> None:
        texts = [canon(json.dumps(value)) for value in (one, other)]

        assert (texts[0] == texts[1]) == is_same(
            *(json.loads(json.dumps(value), parse_float=Decimal) for value in (one, other))
        )

    @given(value=NUMBERS)
    @settings(max_examples=150, deadline=None)
    def test_the_text_of_a_number_is_its_quantity(self, value: float) -> None:
        text = Number(json.dumps(value)).canonical
        sign_and_digits, _, power = text.partition("e")

        assert Fraction(int(sign_and_digits)) * Fraction(10) ** int(power or 0) == Fraction(json.dumps(value))
        assert text == "0" or not sign_and_digits.endswith("0")
