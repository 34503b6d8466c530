"""Fixtures of the tests of check."""

import pytest
from checking import Check


@pytest.fixture
def check(monkeypatch, capsys, tmp_path) -> Check:
    return Check(monkeypatch, capsys, tmp_path)
