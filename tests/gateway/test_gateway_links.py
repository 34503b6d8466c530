"""Links in answers lead to the gateway, and nothing else is touched."""

import asyncio
import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest
from helpers.sizes import size
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.gateway.app import App
from exporter.gateway.routing.answers import Answer
from exporter.gateway.routing.links import moved, rewrite

HEX = "https://app.hex.tech/api/v1"
HERE = "https://gateway.example/api/v1"
JSON = "application/json; charset=utf-8"
NAMES = {"nextPage", "previousPage", "runStatusUrl"}


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (f"{HEX}/projects/p/runs?limit=5&offset=5", f"{HERE}/projects/p/runs?limit=5&offset=5"),
        (HEX, HERE),
        (f"{HEX}?x", f"{HERE}?x"),
        (f"{HEX}x/projects", f"{HEX}x/projects"),
        ("https://app.hex.tech.evil.example/api/v1/x", "https://app.hex.tech.evil.example/api/v1/x"),
        ("https://app.hex.tech/app/p/runs/r", "https://app.hex.tech/app/p/runs/r"),
        ("", ""),
    ],
)
def test_only_an_address_under_the_base_is_moved(address: str, expected: str) -> None:
    assert moved(address, HEX, HERE) == expected


def test_the_three_links_are_moved_and_every_other_byte_stays() -> None:
    body = (
        b'{ "runs" : [{"runUrl":"https://app.hex.tech/app/p/runs/r", "n": 1.50, "x":"\\u00e9"}],\n'
        b' "nextPage" :\t"https://app.hex.tech/api/v1/projects/p/runs?offset=25", "previousPage":null,'
        b'"runStatusUrl":"https:\\/\\/app.hex.tech\\/api\\/v1\\/r" }'
    )

    assert rewrite(body, JSON, HEX, HERE) == (
        b'{ "runs" : [{"runUrl":"https://app.hex.tech/app/p/runs/r", "n": 1.50, "x":"\\u00e9"}],\n'
        b' "nextPage" :\t"https://gateway.example/api/v1/projects/p/runs?offset=25", "previousPage":null,'
        b'"runStatusUrl":"https://gateway.example/api/v1/r" }'
    )


def test_text_that_looks_like_a_link_is_not_one() -> None:
    body = json.dumps(
        {
            "title": f'"nextPage": "{HEX}/x"',
            'a"nextPage': f"{HEX}/x",
            "description": f"{HEX}/x",
            "values": ["nextPage", f"{HEX}/x"],
            "nextPage": [f"{HEX}/x"],
            "previousPage": "nextPage",
            "back\\": "nextPage",
        }
    ).encode()

    assert rewrite(body, JSON, HEX, HERE) == body


@pytest.mark.parametrize("content_type", [None, "", "text/html", "application/jsonp", "text/json-ish"])
def test_other_types_stay(content_type: str | None) -> None:
    body = f'{{"nextPage":"{HEX}/x"}}'.encode()

    assert rewrite(body, content_type, HEX, HERE) == body


@pytest.mark.parametrize(
    "content_type", ["application/json", "Application/JSON;charset=utf-8", "application/problem+json"]
)
def test_json_is_known_by_its_type(content_type: str) -> None:
    assert (
        rewrite(f'{{"nextPage":"{HEX}/x"}}'.encode(), content_type, HEX, HERE) == f'{{"nextPage":"{HERE}/x"}}'.encode()
    )


@pytest.mark.parametrize(
    "body",
    [
        b"",
        f'{{"nextPage":"{HEX}/x"'.encode(),
        f'{{"nextPage":"{HEX}/\\x"}}'.encode(),
        f'{{"nextPage":"{HEX}/\xff"}}'.encode("latin-1"),
        b'"nextPage"' + b'\\"' * 200_000,
        b'{"nextPage":' + b"[" * 200_000,
    ],
)
def test_broken_answers_stay(body: bytes) -> None:
    assert rewrite(body, JSON, HEX, HERE) == body


TEXTS = st.sampled_from([*sorted(NAMES), f'{HEX}/a?b="c', HEX, f"{HEX}x", '"', "\\"]) | st.text(max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.slow
@given(value=VALUES, indent=st.none() | st.just(1), ascii_only=st.booleans())
@settings(max_examples=size(60, 500), deadline=None)
def test_it_does_what_a_parser_would_do(value: Any, indent: int | None, ascii_only: bool) -> None:
    def expected(item: Any) -> Any:
        if isinstance(item, list):
            return [expected(inner) for inner in item]
        if not isinstance(item, dict):
            return item
        return {
            name: moved(inner, HEX, HERE) if name in NAMES and isinstance(inner, str) else expected(inner)
            for name, inner in item.items()
        }

    body = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()

    assert json.loads(rewrite(body, JSON, HEX, HERE)) == expected(value)


def test_a_long_answer_is_rewritten_off_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[bool] = []

    def observed(*more: Any) -> bytes:
        threads.append(threading.current_thread() is threading.main_thread())
        return rewrite(*more)

    async def body_of(size: int) -> bytes:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        app, long = App(), json.dumps({"x": "y" * size, "nextPage": f"{HEX}/z"}).encode()
        app.open(SimpleNamespace(upstream_base=HEX, public_base=HERE))  # type: ignore[arg-type]
        await app._send({"method": "GET"}, Answer(200, ((b"content-type", JSON.encode()),), long), send)
        return bytes(sent[1]["body"])

    monkeypatch.setattr("exporter.gateway.app.rewrite", observed)
    for count in (10, 1_000_000):
        assert json.loads(asyncio.run(body_of(count)))["nextPage"] == f"{HERE}/z"
    assert threads == [True, False]
