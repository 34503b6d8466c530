"""Fixtures of the tests of the audit."""

from typing import Any

import pytest
from known_workspace import Known


@pytest.fixture
def known(manual_clock: Any) -> Known:
    return Known(manual_clock)
