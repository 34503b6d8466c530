"""Each dashboard, one at a time or all at once."""

import json
from typing import Any

import pytest
from boardbook import FILES


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that asks for `board` is run for each of them."""
    if "board" in metafunc.fixturenames:
        boards = [json.loads(file.read_text(encoding="utf-8")) for file in FILES]
        metafunc.parametrize("board", boards, ids=[file.stem for file in FILES])


@pytest.fixture(scope="session")
def boards() -> dict[str, dict[str, Any]]:
    """All dashboards by uid."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in FILES}
